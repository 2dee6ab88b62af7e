"""What a member writes: posts of every kind, answers, likes, drafts."""

from io import BytesIO

from PIL import Image
from playwright.sync_api import FilePayload

from tests.interop.official_client.scene import HANDLE, Scene
from tests.interop.official_client.visit import Visit


def walk(scene: Scene) -> None:
    """Go through these screens."""
    _posts(scene.visit)
    _answers(scene)
    _drafts(scene.visit)


def compose(visit: Visit, text: str) -> None:
    """Open the composer and type."""
    visit.button("Compose new post").last.click()
    visit.page.locator("[contenteditable=true]").last.fill(text)


def publish(visit: Visit) -> None:
    """Send what is in the composer, and wait until it says so."""
    visit.id("composerPublishBtn").last.click()
    visit.id("composePostView").wait_for(state="detached")


def _picture() -> FilePayload:
    made = BytesIO()
    Image.linear_gradient("L").resize((640, 400)).convert("RGB").save(made, "PNG")
    return {"name": "sunset.png", "mimeType": "image/png", "buffer": made.getvalue()}


# A second of a moving square, filmed by the browser itself.
_FILMING = """
async () => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 64 });
  const pen = canvas.getContext("2d");
  const camera = new MediaRecorder(canvas.captureStream(20), { mimeType: "video/webm" });
  const parts = [];
  camera.ondataavailable = (event) => parts.push(event.data);
  const ended = new Promise((done) => { camera.onstop = done; });
  camera.start();
  for (let x = 0; x < 20; x += 1) {
    pen.fillStyle = x % 2 ? "red" : "blue";
    pen.fillRect(x, x, 30, 30);
    await new Promise((done) => setTimeout(done, 50));
  }
  camera.stop();
  await ended;
  return Array.from(new Uint8Array(await new Blob(parts).arrayBuffer()));
}
"""


def _film(visit: Visit) -> FilePayload:
    made = bytes(visit.page.evaluate(_FILMING))
    return {"name": "film.webm", "mimeType": "video/webm", "buffer": made}


def _posts(visit: Visit) -> None:
    with visit.screen("post", "a text is posted"):
        compose(visit, "Hello from my own house.")
        publish(visit)
        visit.go(f"/profile/{HANDLE}")
        visit.shows("Hello from my own house.")
    with visit.screen("post with a picture", "a PNG is chosen and posted"):
        compose(visit, "Look at this.")
        with visit.page.expect_file_chooser() as chooser:
            visit.id("openMediaBtn").click()
        chooser.value.set_files(_picture())
        visit.id("selectedPhotoImage").wait_for()
        publish(visit)
        visit.go(f"/profile/{HANDLE}")
        shown = visit.page.locator("img[src*='feed_thumbnail'],img[src*='feed_fullsize']").first
        shown.wait_for()
        assert shown.evaluate("picture => picture.naturalWidth") > 0, "the picture is not shown"
        visit.saw("the picture")
    with visit.screen("post with a video", "a film is chosen"):
        compose(visit, "It moves.")
        with visit.page.expect_file_chooser() as chooser:
            visit.id("openMediaBtn").click()
        chooser.value.set_files(_film(visit))
        visit.shows("Videos cannot be uploaded on this network yet.")
        visit.shoot("film")
        visit.go("/")
    with visit.screen("post with a GIF", "the window for GIFs is opened"):
        compose(visit, "It moves.")
        visit.id("openGifBtn").or_(visit.button("Select GIF")).first.click()
        visit.page.get_by_placeholder("Search").last.wait_for()
        visit.settle()
        visit.saw("a search for GIFs, which finds none")
        visit.shoot("gifs")
        visit.go("/")
    with visit.screen("thread", "two posts are sent at once"):
        compose(visit, "First of two.")
        visit.button("Add another post to thread").click()
        visit.page.locator("[contenteditable=true]").last.fill("Second of two.")
        publish(visit)
        visit.go(f"/profile/{HANDLE}")
        visit.text("First of two.").first.click()
        visit.shows("Second of two.")
    with visit.screen("reply controls", "a post is sent that nobody may answer"):
        compose(visit, "Nobody answers this.")
        visit.id("openReplyGateButton").click()
        visit.page.get_by_label("Disable replies entirely").click()
        visit.button("Save").click()
        publish(visit)
        visit.go(f"/profile/{HANDLE}")
        visit.text("Nobody answers this.").first.click()
        visit.shows("Replies disabled")


def _answers(scene: Scene) -> None:
    visit = scene.visit
    with visit.screen("somebody's thread", "another member's post is opened"):
        visit.go(scene.path("clock"))
        visit.shows("The old clock ticks again.")
    with visit.screen("reply", "it is answered"):
        visit.id("replyBtn").first.click()
        visit.page.locator("[contenteditable=true]").last.fill("How often do you wind it?")
        publish(visit)
        visit.go(scene.path("clock"))
        visit.shows("How often do you wind it?")
    with visit.screen("like", "it is liked"):
        visit.id("likeBtn").first.click()
        visit.id("likeCount-expanded").wait_for()
        visit.shows("1 like")
    with visit.screen("repost", "it is reposted"):
        visit.id("repostBtn").first.click()
        visit.id("repostDropdownRepostBtn").click()
        visit.id("repostCount-expanded").wait_for()
        visit.shows("1 repost")
    with visit.screen("quote", "it is quoted"):
        visit.id("repostBtn").first.click()
        visit.id("repostDropdownQuoteBtn").or_(visit.id("quoteBtn")).first.click()
        visit.page.locator("[contenteditable=true]").last.fill("He is good at this.")
        publish(visit)
        visit.go(f"/profile/{HANDLE}")
        visit.shows("He is good at this.")
    for path, told in (("liked-by", "1 like"), ("reposted-by", "1 repost"), ("quotes", "1 quote")):
        with visit.screen(f"post: {path}", "the post's list is opened"):
            visit.go(f"{scene.path('clock')}/{path}")
            visit.shows(HANDLE)
            visit.shows(told)
    with visit.screen("bookmark", "a post is saved"):
        visit.go(scene.path("kept"))
        visit.id("postBookmarkBtn").first.click()
        visit.shows("1 save")
    with visit.screen("saved posts", "the list of saved posts is opened"):
        visit.go("/saved")
        visit.shows("A tram at midnight")


def _drafts(visit: Visit) -> None:
    with visit.screen("draft is kept", "a post is begun, and kept for later"):
        visit.go("/")
        compose(visit, "Not quite ready.")
        visit.button("Cancel").click()
        visit.button("Save draft").click()
        visit.id("composePostView").wait_for(state="detached")
        visit.saw("the composer closes")
    with visit.screen("drafts", "the list of drafts is opened"):
        visit.button("Compose new post").last.click()
        visit.button("Drafts").click()
        visit.shows("Not quite ready.")
    with visit.screen("draft becomes a post", "the draft is opened and posted"):
        visit.button("Open draft").click()
        visit.page.locator("[contenteditable=true]", has_text="Not quite ready.").wait_for()
        publish(visit)
        visit.go(f"/profile/{HANDLE}")
        visit.shows("Not quite ready.")
        visit.shows("8 posts")
    with visit.screen("post is deleted", "that post is deleted"):
        visit.id("postDropdownBtn").first.click()
        visit.id("postDropdownDeleteBtn").click()
        visit.id("confirmBtn").click()
        visit.settle()
        visit.go(f"/profile/{HANDLE}")
        visit.shows("He is good at this.")
        visit.lacks("Not quite ready.")
        visit.shows("7 posts")
