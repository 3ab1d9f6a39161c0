// HEIC and TIFF files often come without a type, for many systems know none: Gradio's page would refuse them as no images.
(() => {
  const TYPES = { heic: "image/heic", heif: "image/heif", avif: "image/avif", tif: "image/tiff", tiff: "image/tiff" };
  const endings = Object.keys(TYPES).map((ending) => `.${ending}`);
  const typeOf = (file) => file.type || TYPES[file.name.split(".").pop().toLowerCase()] || "";
  const isUntyped = (file) => !file.type && typeOf(file);

  const typed = (files) => {
    const transfer = new DataTransfer();
    for (const file of files) transfer.items.add(new File([file], file.name, { type: typeOf(file) }));
    return transfer;
  };

  // Before the chooser opens, it is told that these can be chosen.
  document.addEventListener("click", () => {
    for (const input of document.querySelectorAll('input[type=file][accept="image/*"]')) {
      input.accept = ["image/*", ...endings].join(", ");
    }
  }, true);

  document.addEventListener("change", ({ target }) => {
    if (target.type === "file" && [...target.files].some(isUntyped)) target.files = typed(target.files).files;
  }, true);

  document.addEventListener("drop", (event) => {
    const files = [...(event.dataTransfer?.files ?? [])];
    if (!event.isTrusted || !files.some(isUntyped)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const again = { bubbles: true, cancelable: true, dataTransfer: typed(files) };
    event.target.dispatchEvent(new DragEvent("drop", again));
  }, true);
})();
