"""Room for the copies of other networks: what they keep here is encrypted, and theirs alone.

- `lodgers`: who may keep how much, by which token
- `store`: their files; what they delete stays for a month, so that a thief of their token, or of
  their computer, cannot take their past away
- `routes`: the store on the wire, as restic asks for it
"""
