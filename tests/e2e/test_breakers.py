"""Circuit breakers between workers over a real Redis: told, heard, shown and counted, and no turn the worse for it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import aiohttp
import pytest
from redis.asyncio import Redis

from activities.breaker_hints import SharedBreakers
from activities.breakers import Breaker, Breakers, State
from cli.following import DONE
from cli.providers import providers
from deploy.sandbox.processes import free_port
from deploy.sandbox.redis import find_redis, start_redis
from streaming.jsontext import JsonObject
from streaming.live.exchange import Exchange
from streaming.live.link import connect_redis
from streaming.reasons import Reason
from tests.e2e.proxy import port_of, proxy_to
from tests.e2e.rig import SECRET, Rig, eventually, redis_of_its_own, text_of, turn
from tests.e2e.test_faults import failure_of
from tests.tables import candidate, provider, table

_OPEN = 'millstream_breaker_open{model="model-a",provider="scripted"}'
_OTHER = 'millstream_breaker_open{model="model-b",provider="scripted"}'
_Told = dict[str, dict[str, Any]]
NO_MONEY: JsonObject = {"status": 429, "error": {"message": "pay", "code": "insufficient_quota"}}


@asynccontextmanager
async def sharing(rig: Rig, name: str, url: str | None = None) -> AsyncIterator[Breaker]:
    """Share one breaker, that of p/m, as a worker of that name."""
    breakers = Breakers()
    redis = connect_redis(url or rig.stack.redis_url)
    shared = SharedBreakers(breakers, [("p", "m"), ("p", "other")], rig.channels.breaker, name)
    async with Exchange(redis, shared):
        yield breakers.of("p", "m")
    await redis.aclose()


async def until(breaker: Breaker, state: State) -> None:
    """Wait until a breaker stands so."""

    async def so() -> bool:
        return breaker.state(time.time()) is state

    await eventually(so)


async def until_left(redis: Redis, key: str) -> JsonObject:
    """Wait until there is a hint; return it."""

    async def left() -> bytes | str | None:
        return await redis.get(key)

    hint: JsonObject = json.loads(await eventually(left))
    return hint


# -- two workers, one Redis


async def test_what_one_worker_opens_the_other_leaves_out_until_it_is_taken_back(rig: Rig) -> None:
    """The key says until when, why and who; Redis forgets it by itself, or with the worker's word."""
    async with redis_of_its_own(rig) as own, sharing(own, "one") as one, sharing(own, "other") as other:
        key, failed_at = own.channels.breaker("p", "m"), time.time()
        one.failed(Reason.QUOTA, failed_at)
        await until(other, State.OPEN)
        hint, lives_ms = await until_left(own.redis, key), await own.redis.pttl(key)

        one.succeeded()
        await until(other, State.HALF_OPEN)

        assert await own.redis.exists(key) == 0
    assert other.reason is Reason.QUOTA
    assert hint == {"open_until": failed_at + 300, "reason": "quota", "worker": "one"}
    assert 200_000 < lives_ms <= 300_000


async def test_redis_killed_in_between_costs_hints_and_no_more(rig: Rig) -> None:
    """What was heard stays; what the new Redis does not know is told again."""
    async with redis_of_its_own(rig) as own, sharing(own, "one") as one:
        async with sharing(own, "other") as other:
            one.failed(Reason.QUOTA, time.time())
            await until(other, State.OPEN)
            own.stack.processes["redis"].kill()
            await asyncio.sleep(2.5)
            assert other.state(time.time()) is State.OPEN
            program = await find_redis(own.servers, own.environ, print)
            await start_redis(own.servers, program, port=port_of(own.stack.redis_url))
        hint = await until_left(own.redis, own.channels.breaker("p", "m"))
        async with sharing(own, "newcomer") as newcomer:
            await until(newcomer, State.OPEN)

    assert hint["worker"] == "one"


async def test_redis_that_is_a_black_hole_holds_nobody_up(rig: Rig) -> None:
    """Neither at work nor at the end; and afterwards hints come again."""
    async with redis_of_its_own(rig) as own, proxy_to(port_of(own.stack.redis_url)) as proxy:
        url = f"redis://127.0.0.1:{proxy.port}/0"
        async with sharing(own, "one") as one, sharing(own, "other", url) as other:
            proxy.freeze()
            one.failed(Reason.QUOTA, time.time())
            await until_left(own.redis, own.channels.breaker("p", "m"))
            await asyncio.sleep(2.5)
            assert other.state(time.time()) is State.CLOSED
            async with sharing(own, "leaver", url):
                await asyncio.sleep(0.2)
                left_at = time.monotonic()
            assert time.monotonic() - left_at < 60

            proxy.thaw()
            await until(other, State.OPEN)


async def test_a_full_redis_takes_no_hint_and_is_told_again_when_it_does(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    """One line in the log says so, and one that it is over: another two only where Redis had stood still before."""

    def said() -> list[str]:
        return [record.message for record in caplog.records if "hints of other workers" in record.message]

    async def refused() -> bool:
        return "not exchanged" in "".join(said()[-1:])

    async def over() -> bool:
        return "exchanged again" in said()[-1]

    async with redis_of_its_own(rig) as own, sharing(own, "one") as one:
        await own.redis.config_set("maxmemory-policy", "noeviction")
        await own.redis.config_set("maxmemory", "1")
        one.failed(Reason.QUOTA, time.time())
        await eventually(refused)
        await asyncio.sleep(2.0)
        assert await own.redis.exists(own.channels.breaker("p", "m")) == 0

        await own.redis.config_set("maxmemory", "0")
        await until_left(own.redis, own.channels.breaker("p", "m"))
        await eventually(over)
        lines = [line.partition(" (")[0] for line in said()]

    broken, back = "hints of other workers are not exchanged", "hints of other workers are exchanged again"
    assert lines == [broken, back] * (len(lines) // 2)


async def test_hostile_keys_are_neither_believed_nor_read_to_the_end(rig: Rig) -> None:
    """A list, megabytes of nothing: the next candidate's hint is heard all the same, and ours takes their place."""
    async with redis_of_its_own(rig) as own:
        key, other_key = own.channels.breaker("p", "m"), own.channels.breaker("p", "other")
        forged = {"open_until": time.time() + 200, "reason": "quota", "worker": "forger"}
        await own.redis.set(other_key, json.dumps(forged))
        await own.redis.set(key, b"x")
        await own.redis.setrange(key, 2**25, b"y")
        breakers = Breakers()
        shared = SharedBreakers(breakers, [("p", "m"), ("p", "other")], own.channels.breaker, "one")
        async with Exchange(own.redis, shared):
            await until(breakers.of("p", "other"), State.OPEN)
            assert breakers.of("p", "m").state(time.time()) is State.CLOSED
            stats = await own.redis.info("stats")
            await own.redis.delete(key)
            await own.redis.lpush(key, "not", "a", "text")
            await asyncio.sleep(1.5)
            breakers.of("p", "m").failed(Reason.QUOTA, time.time())

            async def replaced() -> bool:
                return await own.redis.type(key) == b"string"

            await eventually(replaced)

    assert stats["total_net_output_bytes"] < 100_000


# -- real workers


@pytest.fixture
async def two_workers(rig: Rig) -> AsyncIterator[tuple[Rig, list[str]]]:
    """Workers of two queues on a Redis of their own, breakers on; and the addresses of their metrics."""
    addresses: list[str] = []
    async with redis_of_its_own(rig) as own:
        for queue in ("breakers-1", "breakers-2"):
            addresses.append(f"127.0.0.1:{free_port()}")
            metrics = {"MILLSTREAM_WORKER__METRICS_ADDRESS": addresses[-1]}
            await own.worker(queue, MILLSTREAM_BREAKERS__ENABLED="true", **metrics)
        yield own, addresses


async def test_an_empty_account_is_found_once_for_all_workers_and_shown(
    two_workers: tuple[Rig, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """The second worker's turns go to the next candidate at once; people and Prometheus are told."""
    rig, (first, second) = two_workers
    script = await rig.script(NO_MONEY, model="model-a")
    await rig.script({"text": "from the other"}, model="model-b", name=script)

    await rig.run(turn(script, route="pair"), queue="breakers-1")
    await until_left(rig.redis, rig.channels.breaker("scripted", "model-a"))

    async def heard() -> bool:
        return (await _samples(second)).get(_OPEN) == 1

    await eventually(heard)
    again = await rig.script({"text": "not needed"}, model="model-a")
    await rig.script({"text": "from the other"}, model="model-b", name=again)
    result = await rig.run(turn(again, route="pair"), queue="breakers-2")

    assert text_of(result) == "from the other"
    assert [entry.model for entry in await rig.requests(again)] == ["model-b"]
    await _is_counted(first)
    await _is_shown(rig, capsys)


async def _is_counted(address: str) -> None:
    async def counted() -> dict[str, float] | None:
        samples = await _samples(address)
        return samples if samples.get(_OPEN) == 1 and _OTHER in samples else None

    samples = await eventually(counted)
    tokens = [samples.pop(name) for name in sorted(samples) if name.startswith("millstream_tokens_total{")]
    assert samples == {
        _OPEN: 1,
        _OTHER: 0,
        'millstream_tries_total{model="model-a",provider="scripted",reason="quota"}': 1,
        'millstream_tries_total{model="model-b",provider="scripted",reason="none"}': 1,
    }
    assert len(tokens) >= 2
    assert min(tokens) > 0


async def _is_shown(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    environ = rig.worker_environ(MILLSTREAM_BREAKERS__ENABLED="true")
    [(model, hint)] = (await eventually(partial(_told_breakers, environ, capsys))).items()

    async def told_in_words() -> str | None:
        assert await providers(environ, check=False, as_json=False) == DONE
        words = capsys.readouterr().out
        return words if "left out" in words else None

    in_words = await eventually(told_in_words)

    assert (model, hint["reason"]) == ("model-a", "quota")
    assert time.time() < hint["open_until"] < time.time() + 300
    clock = time.strftime("%H:%M:%S", time.localtime(hint["open_until"]))
    assert f"\n  ✗ model-a is left out until {clock}: quota, says {hint['worker']}\n" in in_words
    assert SECRET not in in_words


async def _told_breakers(environ: Mapping[str, str], capsys: pytest.CaptureFixture[str]) -> _Told | None:
    """Return which breakers are told to be open; None where nobody knows: it may only be that Redis stood still."""
    capsys.readouterr()
    assert await providers(environ, check=False, as_json=True) == DONE
    printed = capsys.readouterr().out
    assert SECRET not in printed
    [scripted] = [told for told in json.loads(printed)["providers"] if told["name"] == "scripted"]
    told: _Told | None = scripted.get("open_breakers")
    return told


@pytest.fixture
async def guarded(rig: Rig) -> AsyncIterator[tuple[Rig, str]]:
    """A worker on a Redis of its own, breakers on; and the address of its metrics."""
    address = f"127.0.0.1:{free_port()}"
    async with redis_of_its_own(rig) as own:
        file = own.servers.folder / "guarded.toml"
        file.write_text(
            provider("scripted", rig.stack.provider_url)
            + candidate("default", "scripted", "model-a")
            + candidate("once", "scripted", "model-b")
            + table("retries", "once", passes=1)
        )
        metrics = {"MILLSTREAM_WORKER__METRICS_ADDRESS": address}
        await own.worker(MILLSTREAM_CONFIG=str(file), MILLSTREAM_BREAKERS__ENABLED="true", **metrics)
        yield own, address


async def test_five_failures_in_a_row_open_a_breaker(guarded: tuple[Rig, str]) -> None:
    """Whichever turns they are of; nobody has to have asked for a pause."""
    rig, address = guarded
    down = await rig.script({"status": 500})
    for _ in range(5):
        await failure_of(await rig.start(turn(down, route="once")))

    async def opened() -> bool:
        return (await _samples(address)).get(_OTHER, 0) > 0  # after 10 s it is half-open

    await eventually(opened)
    assert len(await rig.requests(down)) == 5


async def test_a_turn_too_short_to_wait_for_a_breaker_asks_all_the_same(guarded: tuple[Rig, str]) -> None:
    """It is open because others failed. A turn that may wait waits; one that may not has its one call."""
    rig, address = guarded
    down, up = await rig.script({"status": 500}), await rig.script({"text": "up again"})
    others = {"open_until": time.time() + 300, "reason": "server", "worker": "another"}
    await rig.redis.set(rig.channels.breaker("scripted", "model-a"), json.dumps(others))

    async def opened() -> bool:
        return (await _samples(address)).get(_OPEN) == 1

    await eventually(opened)
    failed = await failure_of(await rig.start(turn(down, limits={"total_s": 60})))
    answered = await rig.run(turn(up, limits={"total_s": 60}))

    assert failed.type == "DeadlineTooClose"
    assert "HTTP 500" in failed.message
    assert "left alone: scripted/model-a (server)" in failed.message
    assert len(await rig.requests(down)) == 1
    assert text_of(answered) == "up again"


async def test_a_provider_that_asks_for_a_pause_has_it(guarded: tuple[Rig, str]) -> None:
    """A turn that cannot wait so long ends at once, asks nobody, and says why."""
    rig, _ = guarded
    busy = await rig.script({"status": 429, "headers": {"retry-after": "200"}})
    await failure_of(await rig.start(turn(busy, limits={"total_s": 100})))

    failure = await failure_of(await rig.start(turn(busy, limits={"total_s": 100})))

    assert failure.type == "DeadlineTooClose"
    assert "left alone: scripted/model-a (rate_limit)" in failure.message
    assert len(await rig.requests(busy)) == 1


async def test_breakers_are_not_shown_where_nobody_knows(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    """No Redis, or none that is asked: no word of them, and no failure. With one, none is open."""
    for variables in [
        {"REDIS_URL": f"redis://{rig.nobody}"},
        {"MILLSTREAM_BREAKERS__SHARE": "false"},
        {"MILLSTREAM_LIVE__ENABLED": "false"},
    ]:
        environ = rig.worker_environ(**{"MILLSTREAM_BREAKERS__ENABLED": "true", **variables})
        assert await _told_breakers(environ, capsys) is None

    async def none_open() -> bool:
        environ = rig.worker_environ(MILLSTREAM_BREAKERS__ENABLED="true")
        return await _told_breakers(environ, capsys) == {}

    await eventually(none_open)


async def _samples(address: str) -> dict[str, float]:
    """Return the samples of the scripted provider, by name and labels but the service's."""
    async with aiohttp.ClientSession() as session, session.get(f"http://{address}/metrics") as response:
        lines = (await response.text()).splitlines()
    found: dict[str, float] = {}
    for line in lines:
        sample, _, value = line.rpartition(" ")
        ours = sample.startswith(("millstream_tries", "millstream_tokens", "millstream_breaker"))
        if ours and 'provider="scripted"' in sample:
            name, _, labels = sample.rstrip("}").partition("{")
            kept = sorted(label for label in labels.split(",") if not label.startswith("service_name="))
            found[f"{name}{{{','.join(kept)}}}"] = float(value)
    return found
