"""What `hearth` can be told, a module for each subject; none has powers that the panel has not.

They speak to the running network by `appliance.operator`, as an operator who holds its token.
"""
