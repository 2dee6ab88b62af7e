"""`hearth label`: what an operator says of accounts and records, in words."""

import argparse
from typing import Final

from appliance.operator import NotDone, Operator, Say, at_the_network

OWN: Final = "internal.hearth.labeler"
PAGE: Final = 250


async def put(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Put a label on an account or a record."""
    fields = {} if args.until is None else {"exp": args.until}
    uri = await _address(args)
    done = await operator.call(f"{OWN}.putLabel", uri=uri, val=args.label, **fields)
    say(f"{uri} is labelled {args.label} by {done['label']['src']}")


async def remove(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Take a label back."""
    uri = await _address(args)
    await operator.call(f"{OWN}.negateLabel", uri=uri, val=args.label)
    say(f"{uri} is labelled {args.label} no longer")


async def show(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """List the labels that stand; of a subject also those on its records."""
    patterns: list[str | None] = [None]
    if args.subject is not None:
        uri = await _address(args)
        patterns = [uri] if uri.startswith("at://") else [uri, f"at://{uri}/*"]
    for pattern in patterns:
        async for label in operator.pages(f"{OWN}.listLabels", "labels", uri=pattern, limit=PAGE):
            until = f"until {label['exp']}" if "exp" in label else ""
            say(f"{label['val']:20} {label['uri']} {until}".rstrip())


async def show_kinds(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """List the values labels may have, and in whose name they are put."""
    found = await operator.query(f"{OWN}.getLabeler")
    say(f"labels are put by {found['did']}" if "did" in found else "no label was put yet")
    own = {one["identifier"]: one for one in found["definitions"]}
    for value in found["labelValues"]:
        names = [text["name"] for text in own[value]["locales"]] if value in own else []
        say(f"{value:20} {', '.join(names)}".rstrip())


async def define(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Make a kind of label of one's own."""
    text = {"lang": args.lang, "name": args.name, "description": args.description}
    definition = {
        "identifier": args.label,
        "severity": args.severity,
        "blurs": args.blurs,
        "defaultSetting": args.default,
        "adultOnly": args.adult,
        "locales": [text],
    }
    await operator.call(f"{OWN}.putDefinition", definition=definition)
    say(f"{args.label} is a kind of label now")


async def forget(operator: Operator, args: argparse.Namespace, say: Say) -> None:
    """Forget a kind of label; labels of that kind stay. Raises NotDone."""
    found = await operator.query(f"{OWN}.getLabeler")
    if args.label not in [one["identifier"] for one in found["definitions"]]:
        raise NotDone(f"{args.label} is no kind of label of your own; see: hearth label kinds")
    await operator.call(f"{OWN}.deleteDefinition", identifier=args.label)
    say(f"{args.label} is no kind of label any more")


ACTIONS: Final = {
    "add": put,
    "remove": remove,
    "list": show,
    "kinds": show_kinds,
    "define": define,
    "forget": forget,
}


async def _address(args: argparse.Namespace) -> str:
    """Write a handle, or an at:// address that begins with one, by its DID."""
    subject: str = args.subject
    name, slash, record = subject.removeprefix("at://").partition("/")
    if not name.startswith("did:"):
        async with at_the_network(args.data) as network:
            find = network.client("appview").query
            name = (await find("com.atproto.identity.resolveHandle", {"handle": name}))["did"]
    return f"at://{name}{slash}{record}" if slash else name
