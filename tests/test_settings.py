from collections.abc import Callable, Mapping
from dataclasses import fields
from decimal import Decimal
from pathlib import Path

import pytest

from activities.presets import PRESETS
from activities.routes import Candidate, Retries
from routing import resolve_routes
from settings import ProviderSettings, Settings, SettingsError, connect_redis, load
from streaming.contracts import Limits
from streaming.providers import WIRES
from streaming.providers.wire import Quirks

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
        ("[worker]\nhealth_address = '8080'", "worker.health_address: must be HOST:PORT, or :PORT for every interface"),
        ("[worker]\nmetrics_address = '9464'", "worker.metrics_address: must be HOST:PORT"),
        ("[worker]\nmetrics_address = 'localhost:9464'", "worker.metrics_address: 'localhost' does not appear to be"),
        ("[attachments]\nmax_bytes = 0", "attachments.max_bytes: Input should be greater than 0"),
        (
            "[attachments]\nallow_networks = ['10.0.0.1/8']",
            "attachments.allow_networks.0: 10.0.0.1/8 has host bits set",
        ),
        ("[worker]\nlog_format = 'xml'", "worker.log_format: Input should be 'auto', 'json' or 'console'"),
        ("routes = 1", "routes: Input should be a valid dictionary"),
        ("[routes]\ndefault = []", "routes.default: List should have at least 1 item"),
        (ROUTE + "idle_s = 0", "routes.default.0.idle_s: Input should be greater than 0"),
        (ROUTE + "on_empty = 'ignore'", "routes.default.0.on_empty: Input should be 'retry' or 'accept'"),
        (PROVIDER.replace("https://", ""), "providers.mill.base_url: must begin with http:// or https://"),
        (
            PROVIDER.replace("openai-chat", "smoke"),
            f"providers.mill.wire: no such wire; this version speaks {', '.join(sorted(WIRES))}",
        ),
        ("[providers.mill]\nwire = 'openai-chat'", "providers.mill.base_url: Field required; say where its server is"),
        ("[providers.mill]\nwire = 'openai-chat'", "providers.mill.api_key_env: Field required; name the variable"),
        ("[providers.mill]", "providers.mill.wire: Field required; say which it speaks, or preset = one of openai,"),
        ("[providers.mill]\npreset = 'smoke'", "providers.mill.preset: no such preset; there are openai,"),
        ("[providers.azure]", "providers.azure.base_url: Field required; say where its server is"),
        ("providers = 1", "providers: Input should be a valid dictionary"),
        ("[providers]\nmill = 1", "providers.mill: Input should be a valid dictionary"),
        (
            PROVIDER + "refuses = ['n', 'seeds']",
            "providers.mill.refuses: a turn has no settings.seeds; it has",
        ),
        (PROVIDER + "renames = {seed = ''}", "providers.mill.renames.seed: String should have at least 1 character"),
        (PROVIDER + "check_path = 'models'", "providers.mill.check_path: must begin with /"),
        ("[prices.'openai/x']\ninput = 1", "prices.openai/x.output: Field required"),
        ("[prices.'openai/x']\ninput = -1\noutput = 1", "prices.openai/x.input: Input should be greater than or equal"),
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

    assert told.startswith(f"unknown environment variable {name}; known: MILLSTREAM_ATTACHMENTS, MILLSTREAM_BREAKERS,")


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


# -- presets


def candidates(environ: Mapping[str, str]) -> list[Candidate]:
    """Return the candidates of the default route."""
    routes, _ = resolve_routes(load(environ), environ)
    return routes.candidates("default")


def keys_of(name: str) -> dict[str, str]:
    """Return an environment with the key that a preset asks for."""
    return {variable: SECRET for variable in [str(PRESETS[name]["api_key_env"])] if variable}


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("table", ["", "[providers.{}]\n", "[providers.mill]\npreset = {}\n"])
def test_each_preset_resolves(configure: Configure, name: str, table: str) -> None:
    """With no table, an empty one, or one of another name; Azure's servers have no address in common."""
    provider = "mill" if "mill" in table else name
    toml = table.format(f'"{name}"') + ('base_url = "https://mine.example"\n' if name == "azure" else "")
    if name == "azure" and not table:
        toml = "[providers.azure]\n" + toml
    candidate = only_candidate(
        configure(f'{toml}[[routes.default]]\nprovider = "{provider}"\nmodel = "m"') | keys_of(name)
    )

    assert candidate.name == f"{provider}/m"
    assert candidate.wire is WIRES[str(PRESETS[name]["wire"])]
    assert candidate.base_url == PRESETS[name].get("base_url", "https://mine.example")
    assert candidate.api_key.get_secret_value() == ("" if not keys_of(name) else SECRET)


def test_azure_without_a_table_is_told_what_it_needs(configure: Configure) -> None:
    """Every resource has an address of its own."""
    told = unresolved(configure(ROUTE.replace("mill", "azure")) | {"AZURE_OPENAI_API_KEY": SECRET})

    assert told == ("routes.default.0.provider: 'azure' needs [providers.azure] with its base_url in millstream.toml")


def test_a_table_changes_some_keys_of_its_preset_and_keeps_the_rest(configure: Configure) -> None:
    """A server elsewhere, with a key, is still vLLM; so is one given by variables alone."""
    changes = {"BASE_URL": "http://gpu.example:8000/v1", "API_KEY_ENV": "GPU_KEY"}
    table = "[providers.vllm]\n" + "".join(f'{name.lower()} = "{value}"\n' for name, value in changes.items())
    route = ROUTE.replace("mill", "vllm")
    by_file = only_candidate(configure(table + route) | {"GPU_KEY": SECRET})
    variables = {f"MILLSTREAM_PROVIDERS__VLLM__{name}": value for name, value in changes.items()}
    by_variable = only_candidate(configure(route) | variables | {"GPU_KEY": SECRET})

    assert by_file == by_variable
    assert by_file.base_url == "http://gpu.example:8000/v1"
    assert by_file.api_key.get_secret_value() == SECRET
    assert by_file.quirks == Quirks(renames={"top_k": "top_k"}, reasoning_field="reasoning")


def test_a_server_without_keys_needs_no_variable(configure: Configure) -> None:
    """Its candidate is called with an empty key, for which no wire sends a header."""
    environ = configure(PROVIDER.replace("MILL_KEY", "") + ROUTE)

    assert only_candidate(environ).api_key.get_secret_value() == ""


def test_every_quirk_can_be_set(configure: Configure) -> None:
    """A server that no preset knows is still data, not code."""
    toml = """\
no_done = true
no_stream_options = true
renames = { seed = "random_seed" }
refuses = ["n", "top_k"]
reasoning_field = "thoughts"
json_object_only = true
short_tool_ids = true
"""
    quirks = only_candidate(configure(PROVIDER + toml + ROUTE) | {"MILL_KEY": SECRET}).quirks

    assert all(getattr(quirks, field.name) != getattr(Quirks(), field.name) for field in fields(Quirks))
    assert quirks == Quirks(True, True, {"seed": "random_seed"}, frozenset({"n", "top_k"}), "thoughts", True, True)
    assert {field.name for field in fields(Quirks)} <= ProviderSettings.model_fields.keys()


# -- prices


@pytest.mark.parametrize(
    ("provider", "prices", "usd"),
    [
        ("openai", "", "5"),
        ("openai", '[prices."openai/gpt-5.5"]\ninput = 1.25\noutput = 10', "1.25"),
        ("openai", '[prices."gpt-5.5"]\ninput = 1.25\noutput = 10', "5"),
        ("groq", "", None),
        ("groq", '[prices."gpt-5.5"]\ninput = 1.25\noutput = 10', "1.25"),
        ("mine", '[providers.mine]\npreset = "openai-responses"', "5"),
        ("mine", '[providers.mine]\npreset = "groq"\nprice_list = "openai"', "5"),
        ("mine", '[providers.mine]\npreset = "openai"\nprice_list = ""', None),
    ],
    ids=range(8),
)
def test_a_candidate_knows_its_price(configure: Configure, provider: str, prices: str, usd: str | None) -> None:
    """The settings' before the shipped one; another seller's is no price."""
    route = f'[[routes.default]]\nprovider = "{provider}"\nmodel = "gpt-5.5"\n'
    price = only_candidate(configure(route + prices) | {"OPENAI_API_KEY": SECRET, "GROQ_API_KEY": SECRET}).price

    assert (price and price.input) == (usd and Decimal(usd))


# -- routes


@pytest.mark.parametrize(
    ("variables", "names"),
    [
        (["OPENAI_API_KEY"], ["openai/gpt-5.5"]),
        (["ANTHROPIC_API_KEY"], ["anthropic/claude-sonnet-5"]),
        (
            ["GEMINI_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_API_KEY"],
            ["openai/gpt-5.5", "anthropic/claude-sonnet-5", "gemini/gemini-3.5-flash"],
        ),
    ],
    ids=["one", "another", "all"],
)
def test_keys_in_the_environment_are_all_that_is_needed(variables: list[str], names: list[str]) -> None:
    """With no file, the default route is the providers whose keys are set, in one order."""
    assert [candidate.name for candidate in candidates(dict.fromkeys(variables, SECRET))] == names


def test_a_table_without_a_route_changes_where_the_default_route_leads(configure: Configure) -> None:
    """OpenAI behind a gateway that wants no key is the default still."""
    environ = configure('[providers.openai]\nbase_url = "http://gateway.example"\napi_key_env = ""')

    assert (only_candidate(environ).name, only_candidate(environ).base_url) == (
        "openai/gpt-5.5",
        "http://gateway.example",
    )


def test_no_route_at_all_says_what_to_do() -> None:
    """A newcomer's first start tells the two ways on."""
    told = unresolved({"OPENAI_API_KEY": "  "})

    assert told == (
        "no route: set one of OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY, "
        "or write [[routes.default]] into millstream.toml (see README.md)"
    )


def test_a_route_resolves_to_its_candidates_in_order(configure: Configure) -> None:
    """A route's order in the file is the order of a pass."""
    environ = configure(PROVIDER + ROUTE + ROUTE.replace("wheel-1", "wheel-2")) | {"MILL_KEY": SECRET}
    routes, warnings = resolve_routes(load(environ), environ)

    assert [candidate.name for candidate in routes.candidates("default")] == ["mill/wheel-1", "mill/wheel-2"]
    assert warnings == []


def test_a_provider_of_the_file_is_used_as_written(configure: Configure) -> None:
    """Quirks, address and a candidate's own switches reach the call."""
    quirks = "no_done = true\nno_stream_options = true\n"
    switches = 'stream = false\non_empty = "accept"\non_refusal = "next"'
    environ = configure(PROVIDER + quirks + ROUTE + switches) | {"MILL_KEY": SECRET}
    candidate = only_candidate(environ)

    assert candidate.base_url == "https://mill.example/v1"
    assert (candidate.quirks.no_done, candidate.quirks.no_stream_options) == (True, True)
    assert (candidate.stream, candidate.accept_empty, candidate.accept_refusal) == (False, True, False)


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
    assert [str(one) for one in routes.left_out("default")] == ["openai/wheel-1: OPENAI_API_KEY is not set"]
    assert routes.left_out("other") == []


@pytest.mark.parametrize("more", ["background = true", "background = true\nstream = false"])
def test_only_a_provider_that_keeps_responses_can_go_on_in_the_background(configure: Configure, more: str) -> None:
    """Elsewhere the setting would do nothing."""
    environ = configure(PROVIDER + ROUTE + more) | {"MILL_KEY": SECRET}
    with pytest.raises(SettingsError, match=r"routes\.default\.0\.background: only wire openai-responses has it"):
        resolve_routes(load(environ), environ)

    responses = PROVIDER.replace("openai-chat", "openai-responses")
    environ = configure(responses + ROUTE + "background = true") | {"MILL_KEY": SECRET}
    assert only_candidate(environ).background


def test_a_candidate_stands_in_a_route_once(configure: Configure) -> None:
    """Another pass asks it again; twice in one would be a slip."""
    environ = configure(PROVIDER + ROUTE + ROUTE) | {"MILL_KEY": SECRET}
    with pytest.raises(SettingsError, match=r"routes\.default\.1: mill/wheel-1 is in this route already"):
        resolve_routes(load(environ), environ)


def test_a_route_is_tried_again_as_its_own_table_says(configure: Configure) -> None:
    """Another has the defaults; a table of no route is a slip."""
    toml = PROVIDER + ROUTE + "[retries.default]\npasses = 3\nmax_wait_s = 7\n"
    environ = configure(toml) | {"MILL_KEY": SECRET}
    routes, _ = resolve_routes(load(environ), environ)

    assert routes.retries("default") == Retries(passes=3, max_wait_s=7)
    assert routes.retries("other") == Retries(passes=None, max_wait_s=30)

    environ = configure(toml.replace("retries.default", "retries.defualt")) | {"MILL_KEY": SECRET}
    with pytest.raises(SettingsError, match=r"retries\.defualt: no such route; there are default"):
        resolve_routes(load(environ), environ)


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

    assert told.startswith("routes.default.1.provider: no provider 'mil'; known: anthropic, azure, deepseek, ")
    assert "mill, mistral, " in told


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
