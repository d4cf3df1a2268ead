import asyncio
import io
import re
import threading
import time

from rich.console import Console

from cli.screen import Screen
from streaming.live.durable import Outcome, Standing
from streaming.live.frames import Failure, Frame
from streaming.live.reader import Event
from streaming.live.viewer import Viewer
from streaming.messages import Message, RefusalPart, text_sha256
from tests.cli.events import begin, completed, delta, fail
from tests.e2e.rig import eventually

OSC_52 = "\x1b]52;c;aGVsbG8=\x07"
_STYLE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Terminal:
    """A terminal whose output can be read."""

    def __init__(self, *, width: int = 100, height: int = 24) -> None:
        self.raw = io.StringIO()
        self.console = Console(file=self.raw, force_terminal=True, width=width, height=height)
        self.screen = Screen(self.console)
        self.viewer = Viewer(join_at_start=False)

    def show(self, *events: Event) -> None:
        """Show events as following a turn does: the viewer takes a frame, then it is shown."""
        for event in events:
            if isinstance(event, Frame):
                self.viewer.take(event)
            self.screen.show(event, self.viewer)

    def picture(self) -> str:
        """Draw what stands on the screen at this moment, and return that."""
        paper = Console(file=io.StringIO(), width=self.console.width)
        with paper.capture() as drawn:
            paper.print(self.screen.picture())
        return drawn.get()

    def printed(self) -> str:
        """Return all that was ever printed, without styles."""
        return _STYLE.sub("", self.raw.getvalue())


async def test_a_new_screen_says_what_is_waited_for() -> None:
    """Before anything happens there is no empty screen."""
    terminal = Terminal()

    assert terminal.picture().strip() == "waiting for a worker · ~0 tokens"
    terminal.screen.close()


async def test_the_screen_is_drawn_by_itself_and_by_the_loop_alone() -> None:
    """What the loop's own tasks add to is not read by another thread, which could lose what came meanwhile."""
    threads = threading.enumerate()
    terminal = Terminal()
    terminal.show(begin(), delta("Flour"))
    assert set(threading.enumerate()) <= set(threads)  # some of the others may end meanwhile

    async def drawn() -> bool:
        return "Flour" in terminal.printed()

    await eventually(drawn)
    terminal.screen.close()


async def test_the_text_stands_above_who_speaks_and_how_soon() -> None:
    """Text as it comes, and a line about it."""
    terminal = Terminal()
    terminal.show(begin(), delta("Flour "), delta("of the stream", 2))
    text, status = terminal.picture().splitlines()

    assert text == "Flour of the stream"
    # How fast they come is told from half a second on, which a machine that stalls may take.
    assert re.fullmatch(r"mill/wheel-1 · attempt 1 · ~4 tokens · first token \d+\.\d\d s( · ~\d+ tokens/s)?", status)
    terminal.screen.close()


async def test_before_the_first_token_the_screen_says_so() -> None:
    """A model that thinks for a minute does not look dead."""
    terminal = Terminal()
    terminal.show(begin())

    assert terminal.picture().strip() == "waiting for the first token · mill/wheel-1 · attempt 1 · ~0 tokens"
    terminal.screen.close()


async def test_a_failed_try_and_the_new_beginning_are_told_once() -> None:
    """Why the text starts over stays on the screen, above the new text."""
    terminal = Terminal()
    lost = Failure("ConnectionLost", "the connection broke", next="mill/wheel-2")
    terminal.show(begin(), delta("Flo"), fail(lost), begin(2, try_=2, why="ConnectionLost: the connection broke"))
    terminal.show(delta("Flour", number=2), completed("Flour"))

    assert "✗ mill/wheel-1 · attempt 1: ConnectionLost: the connection broke; next: mill/wheel-2" in terminal.printed()
    assert "↻ mill/wheel-1 · attempt 1 · try 2: the text starts over\n" in terminal.printed()


async def test_a_lost_worker_is_told_with_the_new_beginning() -> None:
    """A worker that was killed could not say so itself."""
    terminal = Terminal()
    terminal.show(begin(), delta("Flo"), begin(2, attempt=2, why="worker lost"))

    assert "↻ mill/wheel-1 · attempt 2: the text starts over (worker lost)\n" in terminal.printed()
    assert terminal.picture().strip() == "starting over · mill/wheel-1 · attempt 2 · ~0 tokens"
    terminal.screen.close()


async def test_a_wait_counts_down_on_the_screen() -> None:
    """A wait for the next attempt is seen to pass."""
    terminal = Terminal()
    terminal.show(Standing("backing off", 2, "HTTP 503", time.time() + 3000))
    first = terminal.picture()
    await asyncio.sleep(0.12)

    assert re.match(r"attempt 2 in (2\d\d\d|3000)\.\d s, after: HTTP 503", first)
    assert first != terminal.picture()
    terminal.screen.close()


async def test_the_end_shows_the_text_the_facts_and_the_proof() -> None:
    """What stays on the screen is the durable text, and the words that it is."""
    terminal = Terminal()
    terminal.show(begin(), delta("Flour"), completed("Flour"))
    tail = terminal.printed().splitlines()[-3:]

    assert tail[0].endswith("Flour")
    assert re.fullmatch(r"mill/wheel-1 · stop · attempt 1 · 3 tokens out · first token \d+\.\d\d s", tail[1])
    assert tail[2] == f"✓ durable result, sha256 {text_sha256('Flour')[:16]}…: the text on screen is it"


async def test_a_screen_that_was_behind_is_corrected_and_says_so() -> None:
    """The durable text wins over what was shown."""
    terminal = Terminal()
    terminal.show(begin(), delta("Flo"), completed("Flour"))
    text, _, proof = terminal.printed().splitlines()[-3:]

    assert text.endswith("Flour")
    assert proof.endswith("the screen was behind and now shows it")


async def test_a_failed_turn_leaves_its_partial_text_and_the_reason() -> None:
    """A failure does not take away what was read already."""
    terminal = Terminal()
    terminal.show(begin(), delta("Flo"), Outcome("failed", failure="RouteExhausted: no candidate"))
    text, reason = terminal.printed().splitlines()[-2:]

    assert text.endswith("Flo")
    assert reason == "✗ failed: RouteExhausted: no candidate"


async def test_a_refusal_is_shown() -> None:
    """A model's own words for declining are no text, and are read all the same."""
    terminal = Terminal()
    declined = Message(role="assistant", parts=[RefusalPart(text="I cannot [help].")])
    terminal.show(begin(), completed(declined, "refusal"))

    assert "the model declined: I cannot [help].\n" in terminal.printed()


async def test_model_text_is_neither_markup_nor_terminal_commands() -> None:
    """Text, failures and names from outside are printed, never obeyed."""
    hostile = f"[bold]mill[/bold] [link=x]{OSC_52}"
    terminal = Terminal()
    terminal.show(begin(), delta(hostile))
    drawn = terminal.picture()
    terminal.show(fail(Failure("Lost", hostile)), begin(2, why=hostile + "!"), completed(hostile))
    shown = "[bold]mill[/bold] [link=x]\\x1b]52;c;aGVsbG8=\\x07"

    assert drawn.startswith(shown)
    assert terminal.printed().count(shown) >= 3
    assert "\x1b]52" not in terminal.raw.getvalue()
    assert "\x07" not in terminal.raw.getvalue()


async def test_a_text_longer_than_the_screen_shows_its_end() -> None:
    """The newest lines stay in sight, and the screen does not overflow."""
    terminal = Terminal(width=40, height=10)
    terminal.show(begin(), delta("\n".join(f"line {number}" for number in range(1000))))
    lines = terminal.picture().splitlines()

    assert lines[:-1] == [f"line {number}" for number in range(993, 1000)]
    assert lines[-1].startswith("mill/wheel-1 · attempt 1")
    terminal.screen.close()


async def test_a_long_paragraph_does_not_dance_as_it_grows() -> None:
    """Lines that stay on the screen are wrapped as before when words are added."""
    terminal = Terminal(width=40, height=10)
    text = " ".join(str(number) for number in range(2000))
    terminal.show(begin(), delta(text))
    before = terminal.picture().splitlines()[:-1]
    terminal.show(delta(" and on and on and on and on and on and on", 2))
    after = terminal.picture().splitlines()[:-1]

    assert after[0] in before
    assert after[-1].endswith("and on")
    terminal.screen.close()


async def test_drawing_a_huge_text_costs_no_more_than_a_screenful() -> None:
    """A megabyte on screen does not slow its own arrival."""
    terminal = Terminal()
    terminal.show(begin(), delta("word " * 400_000))
    terminal.picture()
    started = time.process_time()
    terminal.picture()

    assert time.process_time() - started < 1  # all of it takes many
    terminal.screen.close()


async def test_the_status_is_one_line_however_narrow_the_terminal() -> None:
    """A wrapped status would push the text and break redrawing."""
    terminal = Terminal(width=24)
    terminal.show(begin(), delta("Flour"))
    lines = terminal.picture().splitlines()

    assert lines[0] == "Flour"
    assert lines[1] == "mill/wheel-1 · attem…"
    terminal.screen.close()


async def test_closing_leaves_the_text_so_far() -> None:
    """Who detaches keeps what was read."""
    terminal = Terminal()
    terminal.show(begin(), delta("Flo"))
    terminal.screen.close()
    printed = terminal.printed()
    terminal.screen.close()

    assert printed.endswith("Flo\n")
    assert terminal.printed() == printed


async def test_after_closing_only_the_outcome_is_shown() -> None:
    """A detached screen is quiet; stopping the turn still shows its end."""
    terminal = Terminal()
    terminal.show(begin(), delta("Flo"))
    terminal.screen.close()
    before = terminal.printed()
    terminal.show(fail(Failure("Lost", "gone")), begin(2, why="x"), Standing("queued"))

    assert terminal.printed() == before

    terminal.show(completed("Flo", "interrupted"))

    assert "mill/wheel-1 · interrupted" in terminal.printed()


async def test_a_late_viewer_is_told_no_time_to_the_first_token() -> None:
    """What was not seen is not measured."""
    terminal = Terminal()
    snap = delta("Flour")._replace(kind="snap", body={**begin().body, "k": "snap", "p": [[0, "text", "Flour"]]})
    terminal.show(snap)

    assert terminal.picture().splitlines()[1].strip() == "mill/wheel-1 · attempt 1 · ~1 tokens"
    terminal.screen.close()


async def test_speed_is_told_once_there_is_some() -> None:
    """Tokens a second, guessed from the text, from half a second after its beginning."""
    terminal = Terminal(width=160)
    before = time.monotonic()
    terminal.show(begin(), delta("word " * 100))
    at_once = terminal.picture()
    was_early = time.monotonic() - before < 0.4
    await asyncio.sleep(0.6)
    later = terminal.picture()

    assert not (was_early and "tokens/s" in at_once)
    assert "tokens/s" in later
    terminal.screen.close()
