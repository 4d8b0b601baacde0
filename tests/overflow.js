// Lists what is wider than the screen and lies in no box that scrolls or cuts it.
() => {
  const over = (e) => e.getBoundingClientRect().right > innerWidth + 1;
  const held = (box) =>
    box && ((getComputedStyle(box).overflowX !== "visible" && !over(box)) || held(box.parentElement));
  const aside = ".bd-sidebar-primary, .bd-sidebar-secondary, .sr-only, mjx-assistive-mml";
  return [...document.querySelectorAll("body *")]
    .filter((e) => over(e) && e.checkVisibility() && !e.closest(aside) && !held(e.parentElement))
    .map((e) => e.outerHTML.slice(0, 80))
    .slice(0, 5);
}
