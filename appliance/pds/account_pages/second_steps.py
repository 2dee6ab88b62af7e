"""What is asked for behind the password: an app's code, a mailed code, a passkey."""

from aiohttp import web

from appliance.base.drawings import qr_code
from appliance.pds.account_pages.visit import Visit
from appliance.pds.email_tokens import ExpiredEmailToken, InvalidEmailToken
from appliance.pds.factors import totp
from appliance.pds.factors.factors import WrongFactor
from appliance.pds.factors.passkeys import BadPasskey, TooManyPasskeys


async def show(visit: Visit) -> web.Response:
    return await _page(visit)


async def confirm_app(visit: Visit) -> web.Response:
    """Switch an authenticator app on, by its first code."""
    before = visit.pds.factors.steps(visit.did)
    try:
        await visit.pds.factors.confirm_totp(visit.did, visit.text("code"))
    except WrongFactor:
        return await _page(visit, errors={"code": visit.words("entrance.wrong_code")})
    return await _switched_on(visit, had_any=before.any)


async def remove_app(visit: Visit) -> web.Response:
    await visit.pds.factors.remove_totp(visit.did)
    return _back(visit)


async def send_mail(visit: Visit) -> web.Response:
    await visit.send_code("sign_in")
    return await _page(visit, mail_sent=True)


async def confirm_mail(visit: Visit) -> web.Response:
    """Switch codes by mail on, once one has arrived."""
    before = visit.pds.factors.steps(visit.did)
    try:
        await visit.pds.email_tokens.use(visit.did, "sign_in", visit.text("mail_code"))
    except (InvalidEmailToken, ExpiredEmailToken):
        words = visit.words("entrance.wrong_code")
        return await _page(visit, mail_sent=True, errors={"mail_code": words})
    await visit.pds.factors.set_mail(visit.did, True)
    return await _switched_on(visit, had_any=before.any)


async def remove_mail(visit: Visit) -> web.Response:
    await visit.pds.factors.set_mail(visit.did, False)
    return _back(visit)


async def add_passkey(visit: Visit) -> web.Response:
    """Keep the passkey that the browser has made."""
    name = visit.text("passkey_name") or visit.words("second_steps.passkey_default")
    try:
        await visit.pds.passkeys.register(visit.account, visit.secret("factor_code"), name)
    except BadPasskey:
        return await _page(visit, errors={"passkey": visit.words("entrance.bad_passkey")})
    except TooManyPasskeys:
        return await _page(visit, errors={"passkey": visit.words("second_steps.too_many")})
    return _back(visit)


async def ask_passkey(visit: Visit) -> web.Response:
    """Whether the password asks for a passkey, too."""
    before = visit.pds.factors.steps(visit.did)
    wanted = visit.text("wanted") == "yes" and before.passkeys > 0
    await visit.pds.factors.set_passkey(visit.did, wanted)
    return await _switched_on(visit, had_any=before.any) if wanted else _back(visit)


async def remove_passkey(visit: Visit) -> web.Response:
    await visit.pds.passkeys.remove(visit.did, visit.text("key"))
    return _back(visit)


async def new_codes(visit: Visit) -> web.Response:
    """Make recovery codes in the place of those that are left."""
    if not visit.pds.factors.steps(visit.did).any:
        return _back(visit)
    return await _page(visit, codes=await visit.pds.factors.new_recovery_codes(visit.did))


async def _switched_on(visit: Visit, *, had_any: bool) -> web.Response:
    """With the first second step come recovery codes, shown this once."""
    if had_any:
        return _back(visit)
    return await _page(visit, codes=await visit.pds.factors.new_recovery_codes(visit.did))


def _back(visit: Visit) -> web.Response:
    return visit.go("/account/second-steps")


async def _page(
    visit: Visit,
    *,
    codes: list[str] | None = None,
    mail_sent: bool = False,
    errors: dict[str, str] | None = None,
) -> web.Response:
    steps = visit.pds.factors.steps(visit.did)
    secret = b"" if steps.totp else await visit.pds.factors.begin_totp(visit.did)
    network = visit.pds.settings.network.name
    return visit.page(
        "second_steps",
        status=422 if errors else 200,
        steps=steps,
        passkeys=visit.pds.passkeys.list(visit.did),
        registration=visit.pds.passkeys.registration(visit.account),
        secret=totp.typed(secret) if secret else "",
        qr=qr_code(totp.uri(secret, network, visit.account.handle)) if secret else "",
        codes=codes or [],
        mail_sent=mail_sent,
        sends=visit.pds.mailer.sends,
        errors=errors or {},
    )
