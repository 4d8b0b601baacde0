// Shows one frame of a stepper at a time. The script finds its figures itself: that works from a
// file, in JupyterLab (which runs it with the output), and when several outputs bring it.
(() => {
  for (const root of document.querySelectorAll(".dlpar-stepper:not([data-on])")) {
    root.dataset.on = "1";
    const slider = root.querySelector("input"), [back, next] = root.querySelectorAll("button");
    const frames = root.querySelectorAll(".frame"), captions = root.querySelectorAll(".caption");
    const show = (k) => {
      k = Math.max(0, Math.min(frames.length - 1, k));
      frames.forEach((f, i) => { f.style.display = i === k ? "" : "none"; });
      captions.forEach((c, i) => { c.style.visibility = i === k ? "visible" : "hidden"; });
      slider.value = k;
      slider.setAttribute("aria-valuetext", captions[k].textContent);
      back.disabled = k === 0;
      next.disabled = k === frames.length - 1;
    };
    const at = () => Number(slider.value);
    back.addEventListener("click", () => show(at() - 1));
    next.addEventListener("click", () => show(at() + 1));
    slider.addEventListener("input", () => show(at()));
    root.addEventListener("keydown", (event) => {
      const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
      if (!step) return;
      event.preventDefault();
      show(at() + step);
    });
    root.querySelector(".controls").style.display = "flex";
    show(0);
  }
})();
