"""The e-mail address of who gave none."""


def made_up_address(handle: str) -> str:
    """An address that reaches nobody, for members without mail: their letters go to the panel."""
    return f"{handle.partition('.')[0]}@{handle}"
