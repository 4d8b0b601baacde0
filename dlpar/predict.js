// Predict boxes keep a guess in the browser; resolve boxes show it beside the run's answer.
//
// The guess is kept under its own words, not its place, so that an option that moves or changes in a
// later edition never turns a guess into another one. Where the browser keeps nothing, the guess
// lives as long as the page. The script finds its boxes itself: that works from a file, in JupyterLab
// (which runs it with the output), and however often it is on a page.
(() => {
  const memory = (window.dlparGuesses ??= {});
  const key = (box) => "dlpar.predict." + box.dataset.name;
  const read = (box) => {
    try { return localStorage.getItem(key(box)) ?? memory[key(box)] ?? null; }
    catch { return memory[key(box)] ?? null; }
  };
  const write = (box, guess) => {
    memory[key(box)] = guess;
    try { localStorage.setItem(key(box), guess); } catch { /* kept in memory */ }
    window.dispatchEvent(new CustomEvent("dlpar-guess"));
  };
  const later = (show) => {
    window.addEventListener("dlpar-guess", show);
    window.addEventListener("storage", show);
    show();
  };
  const all = (css) => document.querySelectorAll(css + ":not([data-on])");
  for (const box of all(".dlpar-predict")) {
    box.dataset.on = "1";
    const said = box.querySelector("output");
    const inputs = [...box.querySelectorAll("input")];
    box.addEventListener("submit", (event) => event.preventDefault());
    box.addEventListener("change", (event) => {
      if (event.target.value !== "" && event.target.validity.valid) write(box, event.target.value);
    });
    later(() => {
      const guess = read(box);
      let known = false;
      for (const input of inputs) {
        if (input.type === "radio") {
          input.checked = input.value === guess;
          known ||= input.checked;
        } else if (guess !== null && Number.isFinite(Number(guess))) {
          if (document.activeElement !== input) input.value = guess;
          known = true;
        }
      }
      said.textContent = known ? "Recorded. You can still change it." : "";
    });
  }
  for (const box of all(".dlpar-resolve")) {
    box.dataset.on = "1";
    const {options, answer, unit} = JSON.parse(box.dataset.facts);
    const said = box.querySelector(".guess"), bars = box.querySelector(".bars");
    const number = (x, digits) => x.toLocaleString("en", {maximumSignificantDigits: digits});
    const gap = (guess) => {
      const off = guess - answer;
      const way = off > 0 ? "high" : "low";
      if (off === 0) return "Exactly right.";
      if (guess > 0 && answer > 0 && (guess > 2 * answer || answer > 2 * guess)) {
        return `${number(Math.max(guess / answer, answer / guess), 3)} times too ${way}.`;
      }
      const share = answer === 0 ? Math.abs(off) : 100 * Math.abs(off / answer);
      return `Too ${way} by ${number(share, 2)}${answer === 0 ? "" : " %"}.`;
    };
    later(() => {
      const guess = read(box), value = Number(guess);
      box.dataset.verdict = "none";
      if (options && options.includes(guess)) {
        const hit = options.indexOf(guess) === answer;
        box.dataset.verdict = hit ? "hit" : "miss";
        said.textContent = hit ? "You guessed the same." : "You guessed: " + guess;
      } else if (!options && guess !== null && Number.isFinite(value)) {
        const near = Math.abs(value - answer) <= 0.1 * Math.abs(answer);
        box.dataset.verdict = near ? "hit" : "miss";
        said.textContent = `You guessed ${number(value, 6)}${unit && " " + unit}. ${gap(value)}`;
        const most = Math.max(Math.abs(value), Math.abs(answer)) || 1;
        bars.style.display = "grid";
        bars.querySelector(".yours").style.width = (100 * Math.abs(value)) / most + "%";
        bars.querySelector(".runs").style.width = (100 * Math.abs(answer)) / most + "%";
      }
    });
  }
})();
