from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from activities.routes import Candidate
from settings import Settings, SettingsError, connect_redis, load, resolve_routes
from streaming.contracts import Limits

SECRET = "sk-live-0123456789"
PROVIDER = """\
[providers.mill]
wire = "openai-chat"
base_url = "https://mill.example/v1/"
api_key_env = "MILL_KEY"
"""
ROUTE = """\
[[routes.default]]
provider = "mill"
model = "wheel-1"
"""

Configure = Callable[[str], dict[str, str]]


@pytest.fixture
def configure(tmp_path: Path) -> Configure:
    """Writes a settings file and returns the environment that names it."""

    def write(toml: str) -> dict[str, str]:
        path = tmp_path / "settings.toml"
        path.write_text(toml, encoding="utf-8")
        return {"MILLSTREAM_CONFIG": str(path)}

    return write


def refusal(environ: Mapping[str, str]) -> str:
    """Return why the settings are refused."""
    with pytest.raises(SettingsError) as refused:
        load(environ)
    return str(refused.value)


def unresolved(environ: Mapping[str, str]) -> str:
    """Return why routes cannot be resolved."""
    with pytest.raises(SettingsError) as refused:
        resolve_routes(load(environ), environ)
    return str(refused.value)


def only_candidate(environ: Mapping[str, str]) -> Candidate:
    """Return the only candidate of the default route."""
    routes, _ = resolve_routes(load(environ), environ)
    (candidate,) = routes.candidates("default")
    return candidate


# -- where settings come from


def test_without_file_or_variables_everything_has_a_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing needs to be configured to begin."""
    monkeypatch.chdir(tmp_path)

    assert load({}) == Settings()
    assert load({}).worker.task_queue == "millstream"


def test_a_file_in_the_current_folder_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`millstream.toml` needs no variable to name it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "millstream.toml").write_text('[worker]\ntask_queue = "here"')

    assert load({}).worker.task_queue == "here"


def test_the_file_a_variable_names_wins_over_the_one_in_the_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, configure: Configure
) -> None:
    """`MILLSTREAM_CONFIG` replaces the file found by name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "millstream.toml").write_text('[worker]\ntask_queue = "here"')

    assert load(configure('[worker]\ntask_queue = "there"')).worker.task_queue == "there"


def test_a_variable_overrides_one_key_of_the_file_and_leaves_its_neighbours(configure: Configure) -> None:
    """The environment wins key by key, not section by section."""
    environ = configure('[worker]\ntask_queue = "file"\ndrain_s = 7\n' + PROVIDER)
    environ["MILLSTREAM_WORKER__TASK_QUEUE"] = "variable"
    environ["MILLSTREAM_PROVIDERS__MILL__BASE_URL"] = "http://other.example"
    loaded = load(environ)

    assert (loaded.worker.task_queue, loaded.worker.drain_s) == ("variable", 7)
    assert (loaded.providers["mill"].base_url, loaded.providers["mill"].wire) == ("http://other.example", "openai-chat")


def test_a_route_can_be_given_as_json_in_a_variable(configure: Configure) -> None:
    """A container without files can have routes."""
    environ = configure(PROVIDER) | {"MILL_KEY": SECRET}
    environ["MILLSTREAM_ROUTES__DEFAULT"] = '[{"provider": "mill", "model": "from-variable"}]'

    assert only_candidate(environ).model == "from-variable"


def test_the_environment_given_counts_and_not_the_process_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings are a function of what is handed in."""
    monkeypatch.setenv("MILLSTREAM_WORKER__TASK_QUEUE", "of-the-process")

    assert load({"MILLSTREAM_WORKER__TASK_QUEUE": "given"}).worker.task_queue == "given"
    assert load({}).worker.task_queue == "millstream"


def test_an_empty_config_variable_names_no_file() -> None:
    """`MILLSTREAM_CONFIG= millstream ...` is how shells unset a variable for one command."""
    assert load({"MILLSTREAM_CONFIG": ""}) == load({})


# -- what is refused


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ("[live]\nchanel_prefix = 'x'", "live.chanel_prefix: unknown key"),
        ("[gateway]\nport = 1", "gateway: unknown key"),
        (PROVIDER + "api_key = 'x'", "providers.mill.api_key: unknown key"),
        (ROUTE + "first_tokn_s = 1", "routes.default.0.first_tokn_s: unknown key"),
        ("[worker]\ndrain_s = 'soon'", "worker.drain_s: Input should be a valid number"),
        ("[worker]\nmax_concurrent_turns = 0", "worker.max_concurrent_turns: Input should be greater than 0"),
        ("[worker]\ntask_queue = ''", "worker.task_queue: String should have at least 1 character"),
        ("[worker]\nhealth_address = 'localhost:99999'", "worker.health_address: must be HOST:PORT"),
        ("[worker]\nhealth_address = 'localhost'", "worker.health_address: must be HOST:PORT"),
        ("[worker]\nlog_format = 'xml'", "worker.log_format: Input should be 'auto', 'json' or 'console'"),
        ("routes = 1", "routes: Input should be a valid dictionary"),
        ("[routes]\ndefault = []", "routes.default: List should have at least 1 item"),
        (ROUTE + "idle_s = 0", "routes.default.0.idle_s: Input should be greater than 0"),
        (ROUTE + "on_empty = 'ignore'", "routes.default.0.on_empty: Input should be 'retry' or 'accept'"),
        (PROVIDER.replace("https://", ""), "providers.mill.base_url: must begin with http:// or https://"),
        (
            PROVIDER.replace("openai-chat", "smoke"),
            "providers.mill.wire: no such wire; this version speaks openai-chat",
        ),
        ("[providers.mill]\nwire = 'openai-chat'", "providers.mill.base_url: Field required"),
    ],
)
def test_a_wrong_key_in_the_file_is_refused_with_file_path_and_reason(
    configure: Configure, toml: str, told: str
) -> None:
    """The message is enough to find the line and mend it."""
    environ = configure(toml)

    assert refusal(environ).startswith(f"{environ['MILLSTREAM_CONFIG']}: ")
    assert told in refusal(environ)


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("MILLSTREAM_LIVE__ENABLED", "perhaps", "live.enabled: Input should be a valid boolean"),
        ("MILLSTREAM_LIVE__CHANEL_PREFIX", "x", "live.chanel_prefix: unknown key"),
        ("MILLSTREAM_WORKER__DRAIN_S", "soon", "worker.drain_s: Input should be a valid number"),
        ("MILLSTREAM_PROVIDERS__MILL__WIRE", "smoke", "providers.mill.wire: no such wire"),
        ("MILLSTREAM_ROUTES__DEFAULT", "mill", "routes.default: Input should be a valid list"),
        ("MILLSTREAM_LIVE", "3", "live: Input should be"),
    ],
)
def test_a_wrong_variable_is_refused_by_its_own_name(
    configure: Configure, variable: str, value: str, told: str
) -> None:
    """A bad variable beside a good file is not blamed on the file."""
    assert refusal({**configure("[live]\nenabled = true"), variable: value}).startswith(f"{variable}: {told}")


def test_wrong_keys_of_both_sources_are_told_at_once(configure: Configure) -> None:
    """Nobody mends one mistake only to meet the next."""
    environ = configure("[live]\nchannel_prefix = 3\n[worker]\ndrain_s = -1")
    told = refusal({**environ, "MILLSTREAM_LIVE__ENABLED": "perhaps"})

    assert all(key in told for key in ("live.channel_prefix", "worker.drain_s", "MILLSTREAM_LIVE__ENABLED"))


@pytest.mark.parametrize("name", ["MILLSTREAM_REDIS_URL", "MILLSTREAM_WORKERS__DRAIN_S", "MILLSTREAM_"])
def test_an_unknown_variable_is_refused_and_the_known_ones_are_named(name: str) -> None:
    """A misspelt variable is not silently without effect."""
    told = refusal({name: "x"})

    assert told.startswith(f"unknown environment variable {name}; known: MILLSTREAM_CONFIG, MILLSTREAM_LIVE,")


def test_a_section_variable_that_is_no_json_is_refused() -> None:
    """A whole section can be given as JSON only."""
    assert 'must be JSON: error parsing value for field "live"' in refusal({"MILLSTREAM_LIVE": "enabled=false"})


def test_a_named_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    """A wrong path does not quietly mean no settings."""
    missing = tmp_path / "missing.toml"

    assert refusal({"MILLSTREAM_CONFIG": str(missing)}) == f"MILLSTREAM_CONFIG names {missing}, which is not a file"
    assert "which is not a file" in refusal({"MILLSTREAM_CONFIG": str(tmp_path)})


@pytest.mark.parametrize(
    "content",
    [b"worker:\n  drain_s: 1\n", b"[worker\n", b"\x7fELF\x02\x01\x01\x00", b"\xff\xfe[\x00w\x00", b"[a]\n[a]\n"],
    ids=["yaml", "unclosed", "binary", "utf-16", "twice"],
)
def test_a_file_that_is_no_toml_is_refused_by_its_path(tmp_path: Path, content: bytes) -> None:
    """Whatever the bytes, the answer is a sentence and no traceback."""
    path = tmp_path / "settings.toml"
    path.write_bytes(content)

    assert refusal({"MILLSTREAM_CONFIG": str(path)}).startswith(f"{path}: cannot be read as TOML: ")


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    """A database named by mistake is not read into memory."""
    path = tmp_path / "settings.toml"
    with path.open("wb") as sparse:
        sparse.truncate(2**33)

    assert refusal({"MILLSTREAM_CONFIG": str(path)}) == f"{path}: over 1,048,576 bytes: these are no settings"


# -- routes


def test_a_key_in_the_environment_is_all_that_openai_needs() -> None:
    """With no file, the default route is the provider whose key is set."""
    candidate = only_candidate({"OPENAI_API_KEY": SECRET})

    assert (candidate.provider, candidate.base_url) == ("openai", "https://api.openai.com/v1")


def test_no_route_at_all_says_what_to_do() -> None:
    """A newcomer's first start tells the two ways on."""
    told = unresolved({"OPENAI_API_KEY": "  "})

    assert told == "no route: set OPENAI_API_KEY, or write [[routes.default]] into millstream.toml (see README.md)"


def test_a_route_resolves_to_its_candidates_in_order(configure: Configure) -> None:
    """A route's order in the file is the order of a pass."""
    environ = configure(PROVIDER + ROUTE + ROUTE.replace("wheel-1", "wheel-2")) | {"MILL_KEY": SECRET}
    routes, warnings = resolve_routes(load(environ), environ)

    assert [candidate.name for candidate in routes.candidates("default")] == ["mill/wheel-1", "mill/wheel-2"]
    assert warnings == []


def test_a_provider_of_the_file_is_used_as_written(configure: Configure) -> None:
    """Quirks, address and a candidate's own switches reach the call."""
    quirks = "no_done = true\nno_stream_options = true\n"
    environ = configure(PROVIDER + quirks + ROUTE + 'stream = false\non_empty = "accept"') | {"MILL_KEY": SECRET}
    candidate = only_candidate(environ)

    assert candidate.base_url == "https://mill.example/v1"
    assert (candidate.quirks.no_done, candidate.quirks.no_stream_options) == (True, True)
    assert (candidate.stream, candidate.accept_empty) == (False, True)


def test_a_file_may_redefine_a_well_known_provider(configure: Configure) -> None:
    """OpenAI behind a proxy is still called openai."""
    toml = PROVIDER.replace(".mill]", ".openai]") + ROUTE.replace("mill", "openai")

    assert only_candidate(configure(toml) | {"MILL_KEY": SECRET}).base_url == "https://mill.example/v1"


def test_a_candidates_clocks_override_the_turns(configure: Configure) -> None:
    """What a candidate does not say stays as the turn has it."""
    environ = configure(PROVIDER + ROUTE + "first_token_s = 30\nidle_s = 5") | {"MILL_KEY": SECRET}
    turn = Limits(first_token_s=60, stall_s=90)
    limits = only_candidate(environ).limits(turn)

    assert limits == turn.model_copy(update={"first_token_s": 30.0, "idle_s": 5.0})


def test_a_candidate_without_its_key_is_left_out_with_a_warning(configure: Configure) -> None:
    """One missing key does not stop a worker whose route has others."""
    environ = configure(PROVIDER + ROUTE + ROUTE.replace("mill", "openai")) | {"MILL_KEY": SECRET}
    routes, warnings = resolve_routes(load(environ), environ)

    assert [candidate.name for candidate in routes.candidates("default")] == ["mill/wheel-1"]
    assert warnings == ["route 'default' goes without openai/wheel-1: OPENAI_API_KEY is not set"]


def test_a_route_with_no_usable_candidate_names_each_missing_variable(configure: Configure) -> None:
    """A route that cannot answer stops the worker, with the whole list to mend."""
    told = unresolved(configure(PROVIDER + ROUTE + ROUTE.replace("mill", "openai")))

    assert told == (
        "route 'default' has no usable candidate: mill/wheel-1: MILL_KEY is not set; "
        "openai/wheel-1: OPENAI_API_KEY is not set"
    )


def test_an_unknown_provider_in_a_route_is_refused_with_its_place(configure: Configure) -> None:
    """A misspelt provider is found by the route and the position."""
    told = unresolved(configure(PROVIDER + ROUTE + ROUTE.replace('"mill"', '"mil"')))

    assert told == "routes.default.1.provider: no provider 'mil'; known: mill, openai"


# -- secrets


def test_a_key_shows_in_no_representation_of_anything(configure: Configure) -> None:
    """A logged object never gives a key away."""
    environ = configure(PROVIDER + ROUTE) | {"MILL_KEY": f"{SECRET}\n"}
    loaded = load(environ)
    routes, _ = resolve_routes(loaded, environ)

    assert SECRET not in f"{loaded!r} {loaded} {loaded.model_dump()} {routes!r} {only_candidate(environ)}"
    assert only_candidate(environ).api_key.get_secret_value() == SECRET


def test_a_key_in_the_place_of_its_variables_name_is_refused_unquoted(configure: Configure) -> None:
    """The likeliest mistake with keys does not write one into a log."""
    told = refusal(configure(PROVIDER.replace("MILL_KEY", SECRET)))

    assert "providers.mill.api_key_env: must be the name of an environment variable" in told
    assert SECRET not in told


@pytest.mark.parametrize(
    "url",
    [
        "http://user:hunter2@redis.example",
        "redis://user:hunter2@redis.example:port",
        "redis://user:hunter2@redis.example:99999",
        "redis://user:hunter2@[redis.example",
        "redis://user:hunter/2@redis.example:6379",
        "redis://user:hunter2@redis.example?socket_timeout=soon",
        "redis://user:hunter2@redis.example?hunter2=1",
        "hunter2",
    ],
)
def test_a_malformed_redis_url_is_refused_without_quoting_it(url: str) -> None:
    """A password in a URL is not printed, not even a piece of it."""
    with pytest.raises(SettingsError, match=r"^REDIS_URL is malformed: write redis://") as refused:
        connect_redis({"REDIS_URL": url})

    assert "hunter" not in str(refused.value)


@pytest.mark.parametrize("url", ["", "redis://", "rediss://:p%40ss@redis.example:6380/2", "unix:///run/redis.sock"])
async def test_a_redis_url_is_taken_and_nothing_is_connected_yet(url: str) -> None:
    """An unreachable Redis is no reason not to start."""
    client = connect_redis({"REDIS_URL": url})

    await client.aclose()
