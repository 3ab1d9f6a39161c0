// The live view: the camera's newest picture is sent when the last one's result is there. Run by Gradio with `element`.

const TOO_LONG = 15000;  // ms without an answer: the connection is lost

let view = null;  // the running live view: what it takes to end it
const find = (selector) => element.querySelector(selector);
const text = (name) => find(".live").dataset[name];
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, Math.max(ms, 0)));

function say(sentence, tone = "") {
  const line = find(".status");
  if (line.textContent === sentence) return;  // a screen reader says it once
  line.textContent = sentence;
  line.className = `status ${tone}`;
}

async function openCamera(device) {
  const constraints = { width: { ideal: 640 }, height: { ideal: 480 }, ...device };
  const camera = await navigator.mediaDevices.getUserMedia({ video: constraints });
  return camera;
}

async function show(me, device) {
  const camera = await openCamera(device);
  if (view !== me) {  // stopped while the browser asked for leave
    camera.getTracks().forEach((track) => track.stop());
    return;
  }
  me.camera = camera;
  const [track] = camera.getVideoTracks();
  track.addEventListener("ended", () => me.camera === camera && stop(me, text("stopped")));
  const video = find("video");
  video.srcObject = camera;
  await video.play();
  // The result as in a mirror too: the page does that to every camera that does not look away from its user.
  find("canvas").dataset.mirrored = track.getSettings().facingMode !== "environment";
}

async function takeOther(me) {
  const cameras = (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === "videoinput");
  const [old] = me.camera.getVideoTracks();
  const now = cameras.findIndex(({ deviceId }) => deviceId === old.getSettings().deviceId);
  const next = cameras[(now + 1) % cameras.length];
  me.camera.getTracks().forEach((track) => track.stop());  // a phone opens but one at a time
  await show(me, { deviceId: { exact: next.deviceId } });
}

function grab() {
  const video = find("video");
  const scale = Math.min(1, text("longest") / Math.max(video.videoWidth, video.videoHeight));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [Math.round(video.videoWidth * scale), Math.round(video.videoHeight * scale)];
  canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.85));
}

async function draw(me, picture) {
  const image = await createImageBitmap(picture);
  if (view !== me) return;
  const canvas = find("canvas");
  if (canvas.width !== image.width || canvas.height !== image.height) {
    [canvas.width, canvas.height] = [image.width, image.height];
  }
  canvas.getContext("2d").drawImage(image, 0, 0);
  offerSaving();
}

async function post(me, path, body = null) {
  const timer = setTimeout(() => me.ended.abort(), TOO_LONG);
  try {
    return await fetch(path, { method: "POST", body, signal: me.ended.signal });
  } finally {
    clearTimeout(timer);
  }
}

function stop(me, sentence, tone) {
  if (view !== me || !me) return;
  view = null;
  endClip?.();  // before the last picture goes
  clearInterval(me.watch);
  me.ended.abort();
  me.camera?.getTracks().forEach((track) => track.stop());
  if (me.ticket) navigator.sendBeacon(`live/${me.ticket}/stop`);
  if (!element.isConnected) return;
  find("video").srcObject = null;
  const canvas = find("canvas");
  canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
  find(".live-figures").textContent = "";
  for (const act of ["snapshot", "clip"]) find(`[data-act=${act}]`).hidden = true;
  const focused = document.activeElement?.closest("[data-act]");
  find(".live").classList.remove("on");
  if (focused && element.contains(focused)) find("[data-act=start]").focus();
  say(sentence, tone);
}

async function start() {
  const me = { ended: new AbortController() };
  view = me;
  find(".live").classList.add("on");
  find("[data-act=stop]").focus({ preventScroll: true });
  say(text("opening"), "busy");
  // Another tab of the page or of the browser in front: nobody looks, so nothing is worked on.
  me.watch = setInterval(() => (element.checkVisibility() && !document.hidden) || stop(me, text("stopped")), 300);
  try {
    await show(me, { facingMode: "user" });
  } catch {
    stop(me, text(window.isSecureContext ? "denied" : "insecure"), "warn");
    return;
  }
  if (view !== me) return;
  navigator.mediaDevices.enumerateDevices().then((devices) => {
    find("[data-act=other]").hidden = devices.filter(({ kind }) => kind === "videoinput").length < 2;
  });
  try {
    await follow(me);
  } catch {
    stop(me, text("lost"), "warn");
  }
}

async function follow(me) {
  const joined = await post(me, "live/start");
  if (!joined.ok) return stop(me, text("busy"), "warn");
  let { ticket, place, seconds } = await joined.json();
  me.ticket = ticket;
  if (view !== me) return navigator.sendBeacon(`live/${ticket}/stop`);
  let rate = 0;
  let before = 0;
  let told = 0;
  say(text("first"), "busy");
  while (view === me) {
    if (place > 0) {
      say(text("line").replace("#place", place + 1).replace("#seconds", seconds), "busy");
      await pause(1000);
    }
    const began = performance.now();
    const answer = await post(me, `live/${ticket}`, place > 0 ? null : await grab());
    if (view !== me) return;
    if (answer.status === 202) {
      ({ place, seconds } = await answer.json());
    } else if (answer.status === 204) {
      place = 0;
      say(text("first"), "busy");
    } else if (answer.status === 200) {
      await draw(me, await answer.blob());
      if (view !== me) return;
      const now = performance.now();
      if (before) rate += (rate ? 0.1 : 1) * (1000 / (now - before) - rate);
      before = now;
      const seen = answer.headers.get("X-Seen");
      say(text(seen), seen === "masked" ? "done" : "");
      if (rate && now - told > 1000) {
        told = now;
        find(".live-figures").textContent = text("figures").replace("#rate", rate.toFixed(1))
          .replace("#late", Math.round(now - began)).replace("#left", answer.headers.get("X-Left"));
      }
      await pause(text("pause") - (now - began));
    } else {
      const { error } = await answer.json();
      stop(me, answer.status === 410 ? text("over") : error ?? text("lost"), answer.status === 410 ? "" : "warn");
    }
  }
}

element.addEventListener("click", (event) => {
  const act = event.target.closest("[data-act]")?.dataset.act;
  if (act === "start" && !view) start();
  if (act === "stop") stop(view, text("stopped"));
  if (act === "snapshot") saveSnapshot();
  if (act === "clip") startClip();
  const me = view;
  if (act === "other" && me?.camera) takeOther(me).catch(() => stop(me, text("denied"), "warn"));
});
addEventListener("pagehide", () => stop(view, text("stopped")));
