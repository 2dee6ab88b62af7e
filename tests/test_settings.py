import stat
import tomllib
from pathlib import Path

import pytest

from appliance.settings import (
    InvalidSettings,
    Settings,
    check_ports,
    declarations,
    defaults,
    load,
)
from appliance.settings_aliases import SECRETS, SETTINGS, without_effect
from appliance.settings_file import as_markdown, as_toml, change, save


def written(folder: Path, text: str) -> Path:
    (folder / "hearth.toml").write_text(text, encoding="utf-8")
    return folder


def test_without_a_file_there_are_the_defaults(tmp_path: Path) -> None:
    settings = load(tmp_path, {})
    assert settings == defaults("home", tmp_path)
    assert settings.network.mode == "home"
    assert settings.limits.enabled
    assert not settings.appview.logged_out_reads


def test_each_mode_has_defaults_of_its_own(tmp_path: Path) -> None:
    dev, public = defaults("dev", tmp_path), defaults("public", tmp_path)
    assert dev.network.handle_domains == (".test",)
    assert dev.appview.logged_out_reads
    assert dev.dev.allow_loopback
    assert not dev.limits.enabled
    assert public.pds.plc_url == "https://plc.directory"
    assert not public.directory.enabled
    assert not public.dev.allow_loopback


def test_the_environment_stands_above_the_file_and_the_file_above_defaults(tmp_path: Path) -> None:
    written(tmp_path, '[pds]\nhostname = "a.example"\nport = 1\n[relay]\ncrawl = ["http://x"]')
    env = {
        "HEARTH_PDS_PORT": "2",
        "HEARTH_DEV_VALIDATE_OUTPUTS": "yes",
        "HEARTH_NETWORK_HANDLE_DOMAINS": ".a.example, .b.example",
        "HEARTH_BROWSER": "not a setting, nor in a group",
        "PATH": "/bin",
    }
    settings = load(tmp_path, env)
    assert (settings.pds.hostname, settings.pds.port) == ("a.example", 2)
    assert settings.relay.crawl == ("http://x",)
    assert settings.network.handle_domains == (".a.example", ".b.example")
    assert settings.dev.validate_outputs
    assert settings.pds.did == "did:web:a.example"
    assert settings.pds.url == "https://a.example"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[pds]\nhostnam = "x"', r"no setting pds\.hostnam; did you mean pds\.hostname\?"),
        ("[unheard]\nof = 1", r"no setting unheard\.of"),
        ("port = 1", "outside a"),
        ("[pds]\nport = 65536", "between 0 and 65535"),
        ("[backup]\nhour = 24", r"backup\.hour must be between 0 and 23"),
        ("[update]\nhour = 25", r"update\.hour must be between 0 and 23"),
        ("[smtp]\nport = 70000", r"smtp\.port must be between 0 and 65535"),
        ("[relay]\nport = 2590", r"relay\.port must be another port than neighbours\.port, 2590"),
        ("[pds]\nport = 3000\n[labeler]\nport = 3000", r"labeler\.port .* pds\.port, 3000"),
        (
            '[client]\nport = 2590\nfolder = "/client"',
            r"client\.port must be another port than neighbours\.port, 2590",
        ),
        ("[pds]\nport = -1", "between"),
        ('[pds]\nport = "80"', "a number"),
        ("[pds]\nport = true", "a number"),
        ("[pds]\nblob_limit = 0", "between 1"),
        ("[pds]\nhostname = 5", "host name"),
        ('[pds]\nhostname = "https://a.example"', "host name"),
        ('[pds]\nhostname = "A.example"', "host name"),
        ('[pds]\ninvites_required = "yes"', "true or false"),
        ('[network]\nmode = "wild"', "one of public, home, dev"),
        ('[network]\nhandle_domains = ".a"', "a list"),
        ('[network]\nhandle_domains = ["a"]', "a list"),
        ('[relay]\ncrawl = ["ftp://x"]', "a list"),
        ('[pds]\npublic_url = "a.example"', "a text like"),
        ("[pds\n", "hearth.toml"),
        ("[directory]\nenabled = false", "plc_url"),
    ],
)
def test_a_wrong_file_is_refused_with_a_reason(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(InvalidSettings, match=complaint):
        load(written(tmp_path, text), {})


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("HEARTH_PDS_HOSTNAM", "x", "did you mean HEARTH_PDS_HOSTNAME"),
        ("HEARTH_PDS_PORT", "http", "a number"),
        ("HEARTH_PDS_PORT", "-1", "a number"),
        ("HEARTH_LIMITS_ENABLED", "maybe", "true or false"),
        ("HEARTH_NETWORK_MODE", "wild", "one of"),
    ],
)
def test_a_wrong_variable_is_refused(tmp_path: Path, name: str, value: str, complaint: str) -> None:
    with pytest.raises(InvalidSettings, match=complaint):
        load(tmp_path, {name: value})


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    changed = {
        "network.name": 'Quotes " and \\ and \n and \x7f and ü',
        "network.mode": "dev",
        "pds.port": 2583,
        "pds.invites_required": True,
        "relay.crawl": ("http://localhost:1", "https://b.example"),
        "dev.allow_loopback": False,
    }
    settings = defaults("dev", tmp_path).with_values(changed)
    save(settings)
    assert load(tmp_path, {}) == settings
    save(load(tmp_path, {}))
    assert load(tmp_path, {}) == settings
    assert [path.name for path in tmp_path.iterdir()] == ["hearth.toml"]
    assert stat.S_IMODE((tmp_path / "hearth.toml").stat().st_mode) == 0o600


def test_the_file_explains_every_setting_and_keeps_defaults_as_comments(tmp_path: Path) -> None:
    text = as_toml(defaults("home", tmp_path).with_values({"pds.port": 5}))
    assert tomllib.loads(text)["pds"] == {"port": 5}
    unwrapped = text.replace("\n# ", " ")
    for each in declarations():
        assert each.help in unwrapped
        assert f"{each.name.partition('.')[2]} = " in text


def test_the_table_has_a_row_for_every_setting() -> None:
    rows = as_markdown().splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == [each.name for each in declarations()]


def test_every_setting_is_explained_in_a_sentence() -> None:
    for each in declarations():
        assert len(each.help) > 10, each.name
        assert each.help.endswith("."), each.name


def test_a_change_by_name_is_checked_too() -> None:
    assert Settings().with_values({"relay.crawl": ["http://x"]}).relay.crawl == ("http://x",)
    with pytest.raises(InvalidSettings):
        Settings().with_values({"paths.data": "/"})


def test_paths_lie_in_the_data_folder(tmp_path: Path) -> None:
    paths = load(tmp_path, {}).paths
    assert paths.socket("pds") == tmp_path / "run" / "pds.sock"
    assert paths.address("relay") == f"unix:{tmp_path}/run/relay.sock"
    assert paths.database("viewers") == tmp_path / "viewers.sqlite"
    assert paths.secret("operator-token") == tmp_path / "secrets" / "operator-token"


# What people have in the pds.env of a reference PDS, by its README and what they tell of.
NAMES_PEOPLE_HAVE = """
    PDS_HOSTNAME PDS_JWT_SECRET PDS_ADMIN_PASSWORD PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX
    PDS_DATA_DIRECTORY PDS_BLOBSTORE_DISK_LOCATION PDS_BLOB_UPLOAD_LIMIT PDS_DID_PLC_URL
    PDS_BSKY_APP_VIEW_URL PDS_BSKY_APP_VIEW_DID PDS_REPORT_SERVICE_URL PDS_REPORT_SERVICE_DID
    PDS_CRAWLERS PDS_EMAIL_SMTP_URL PDS_EMAIL_FROM_ADDRESS PDS_INVITE_REQUIRED
    PDS_RATE_LIMITS_ENABLED PDS_CONTACT_EMAIL_ADDRESS PDS_PRIVACY_POLICY_URL
    PDS_TERMS_OF_SERVICE_URL PDS_SERVICE_NAME PDS_LOGO_URL PDS_PRIMARY_COLOR PDS_ERROR_COLOR
    PDS_WARNING_COLOR PDS_INFO_COLOR PDS_SUCCESS_COLOR PDS_HOME_URL PDS_SUPPORT_URL
    PDS_BACKGROUND_LIGHT_URL PDS_BACKGROUND_DARK_URL PDS_SERVICE_HANDLE_DOMAINS
    PDS_RECOVERY_DID_KEY PDS_ACCEPTING_REPO_IMPORTS PDS_MAX_REPO_IMPORT_SIZE
    PDS_RATE_LIMIT_BYPASS_KEY PDS_RATE_LIMIT_BYPASS_IPS PDS_BLOBSTORE_S3_BUCKET
    PDS_BLOBSTORE_S3_REGION PDS_HCAPTCHA_SITE_KEY PDS_HCAPTCHA_SECRET_KEY
    PDS_DISABLE_SSRF_PROTECTION PDS_FETCH_MAX_RESPONSE_SIZE PDS_PROXY_MAX_RESPONSE_SIZE
    PDS_PROXY_BODY_TIMEOUT PDS_SQLITE_DISABLE_WAL_AUTO_CHECKPOINT LOG_ENABLED LOG_LEVEL
    LOG_DESTINATION
"""


@pytest.mark.parametrize("variable", NAMES_PEOPLE_HAVE.split())
def test_every_name_that_people_have_counts_or_is_told_of(variable: str) -> None:
    told = dict(without_effect({variable: "something"}))
    ways = (variable in SETTINGS, variable in SECRETS, variable in told)
    assert sum(ways) == 1, ways


def test_the_names_of_the_reference_pds_are_understood(tmp_path: Path) -> None:
    written(tmp_path, '[pds]\ncontact_email = "ours@a.example"')
    env = {
        "PDS_HOSTNAME": "pds.a.example",
        "PDS_SERVICE_HANDLE_DOMAINS": ".a.example,.b.example",
        "PDS_BLOB_UPLOAD_LIMIT": "104857600",
        "PDS_CRAWLERS": "https://relay1.example,https://relay2.example",
        "PDS_BSKY_APP_VIEW_URL": "https://appview.example",
        "PDS_BSKY_APP_VIEW_DID": "did:web:appview.example",
        "PDS_INVITE_REQUIRED": "false",
        "PDS_EMAIL_SMTP_URL": "smtps://u:p@mail.example:465",
        "PDS_CONTACT_EMAIL_ADDRESS": "theirs@a.example",
        "PDS_PRIVACY_POLICY_URL": "",
        "PDS_JWT_SECRET": "not a setting",
        "PDS_ACCEPTING_REPO_IMPORTS": "false",
        "PDS_UNHEARD_OF": "let be",
    }
    settings = load(tmp_path, env)
    assert settings.pds.hostname == "pds.a.example"
    assert settings.network.handle_domains == (".a.example", ".b.example")
    assert settings.pds.blob_limit == 104_857_600
    assert settings.pds.relays == ("https://relay1.example", "https://relay2.example")
    assert settings.appview.did == "did:web:appview.example"
    assert not settings.pds.invites_required
    assert settings.smtp.url == "smtps://u:p@mail.example:465"
    assert not settings.pds.accepts_imports
    # What was set in the panel holds.
    assert settings.pds.contact_email == "ours@a.example"
    assert load(tmp_path, {**env, "HEARTH_PDS_HOSTNAME": "c.example"}).pds.hostname == "c.example"
    with pytest.raises(InvalidSettings, match="PDS_INVITE_REQUIRED must be true or false"):
        load(tmp_path, {"PDS_INVITE_REQUIRED": "perhaps"})


def test_every_name_of_the_reference_is_a_setting_of_ours() -> None:
    assert set(SETTINGS.values()) <= {each.name for each in declarations()}


def test_one_port_at_two_addresses_is_two_ports(tmp_path: Path) -> None:
    """A web client may be switched off, an address may be another."""
    written(
        tmp_path,
        '[door]\nhost = "192.168.1.2"\nport = 80\n[pds]\nport = 80\n[client]\nport = 2590',
    )
    assert load(tmp_path, {}).places["door"] == ("192.168.1.2", 80)


def test_a_port_that_another_setting_has_is_not_written_down(tmp_path: Path) -> None:
    save(defaults("home", tmp_path))
    before = (tmp_path / "hearth.toml").read_bytes()
    with pytest.raises(InvalidSettings, match=r"admin\.port must be another port than door\.port"):
        change(tmp_path, {"admin.port": 2580})
    assert (tmp_path / "hearth.toml").read_bytes() == before


def test_the_front_door_steps_aside_where_its_port_sends_on_to_https(tmp_path: Path) -> None:
    both = defaults("public", tmp_path).with_values({"door.port": 80, "https.mode": "acme"})
    check_ports(both)
    assert both.places["door"][1] == 0
    assert both.places["http"][1] == 80
    assert both.with_values({"https.mode": "off"}).places["door"][1] == 80
    assert both.with_values({"https.plain_port": 0}).places["door"][1] == 80
