"""Taking over the data folder of a reference PDS.

- `source`: reads that folder, on copies of its databases
- `adopt`: writes what was read into ours, account by account
"""
