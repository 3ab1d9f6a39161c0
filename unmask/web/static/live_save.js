// What a visitor keeps of the live view: a picture, or a clip of some seconds. Both are made here and sent nowhere, and
// both say, in the picture itself, that they are composites. Run by Gradio before `live.js`, with `element`.

const FORMATS = ["video/mp4;codecs=avc1.42E01E", "video/mp4", "video/webm;codecs=vp9", "video/webm;codecs=vp8", "video/webm"];
const CLIP_PAUSE = 80;  // ms between two of a clip's pictures: more often than results come
const IHDR_ENDS = 33;  // bytes into a PNG: what its text chunks follow

const live = () => element.querySelector(".live");
const clipFormat = () => {
  const able = window.MediaRecorder && HTMLCanvasElement.prototype.captureStream;
  return able ? FORMATS.find((format) => MediaRecorder.isTypeSupported(format)) : undefined;
};
let endClip = null;  // ends the clip that is being made

function offerSaving() {
  element.querySelector("[data-act=snapshot]").hidden = false;
  element.querySelector("[data-act=clip]").hidden = !clipFormat();
}

// The result as it is shown, in a mirror or not, with the notice across its lower edge.
function stamp(canvas) {
  const shown = element.querySelector("canvas");
  if (canvas.width !== shown.width || canvas.height !== shown.height) {
    [canvas.width, canvas.height] = [shown.width, shown.height];
  }
  const { width, height } = canvas;
  const context = canvas.getContext("2d");
  const turned = shown.dataset.mirrored === "true" ? -1 : 1;
  context.setTransform(turned, 0, 0, 1, turned < 0 ? width : 0, 0);
  context.drawImage(shown, 0, 0);
  context.setTransform(1, 0, 0, 1, 0, 0);
  const { notice } = live().dataset;
  let size = Math.max(12, Math.round(Math.min(width, height) / 20));
  const font = () => { context.font = `600 ${size}px system-ui, sans-serif`; };
  for (font(); size > 8 && context.measureText(notice).width > width - 12; font()) size -= 1;
  context.fillStyle = "#000c";
  context.fillRect(0, height - Math.round(1.8 * size), width, Math.round(1.8 * size));
  context.fillStyle = "#fff";
  [context.textAlign, context.textBaseline] = ["center", "middle"];
  context.fillText(notice, width / 2, height - 0.9 * size, width - 8);
}

function save(blob, ending) {
  const now = new Date();
  const time = new Date(now - now.getTimezoneOffset() * 60000).toISOString().slice(0, 19).replace("T", "-").replaceAll(":", "");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `unmask-live-${time}-ai-composite.${ending}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

async function saveSnapshot() {
  const canvas = document.createElement("canvas");
  stamp(canvas);
  const png = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  const marks = Uint8Array.from(atob(live().dataset.marks), (letter) => letter.charCodeAt(0));
  save(new Blob([png.slice(0, IHDR_ENDS), marks, png.slice(IHDR_ENDS)], { type: "image/png" }), "png");
}

function startClip() {
  if (endClip) return;
  const button = element.querySelector("[data-act=clip]");
  const { seconds, recording } = live().dataset;
  const [name, began] = [button.textContent, performance.now()];
  const canvas = document.createElement("canvas");
  stamp(canvas);
  const recorder = new MediaRecorder(canvas.captureStream(), { mimeType: clipFormat(), videoBitsPerSecond: 2500000 });
  const parts = [];
  recorder.addEventListener("dataavailable", ({ data }) => data.size && parts.push(data));
  recorder.addEventListener("stop", () => {
    const type = recorder.mimeType.split(";")[0];
    if (parts.length) save(new Blob(parts, { type }), type.split("/")[1]);
  });
  const timer = setInterval(() => {
    stamp(canvas);
    const left = seconds - (performance.now() - began) / 1000;
    if (left <= 0) endClip();
    else button.textContent = recording.replace("#left", Math.ceil(left));
  }, CLIP_PAUSE);
  button.textContent = recording.replace("#left", seconds);
  button.setAttribute("aria-disabled", "true");
  recorder.start();
  // Also called where the live view ends: what there is by then is kept.
  endClip = () => {
    endClip = null;
    clearInterval(timer);
    recorder.stop();
    button.textContent = name;
    button.removeAttribute("aria-disabled");
  };
}
