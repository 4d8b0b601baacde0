// Lists text whose colour is too close to what is painted behind it (WCAG AA: 4.5:1 for prose, code
// and boxes; 3:1 for what is large, and in figures). Controls that are switched off are exempt.
() => {
  const parse = (colour) => {
    const n = (colour.match(/[\d.]+/g) || [0, 0, 0, 0]).map(Number);
    if (colour.startsWith("color(")) return [...n.slice(0, 3).map((v) => 255 * v), n[3] ?? 1];
    return [n[0], n[1], n[2], n[3] ?? 1];
  };
  const over = (a, b) => [0, 1, 2].map((i) => a[i] * a[3] + b[i] * (1 - a[3])).concat(1);
  const line = (e) => (e ? [e, ...line(e.parentElement)] : []);
  const ground = (e) =>
    line(e)
      .map((box) => parse(getComputedStyle(box).backgroundColor))
      .reduceRight((below, colour) => over(colour, below), [255, 255, 255, 1]);
  const opacity = (e) => line(e).reduce((o, box) => o * getComputedStyle(box).opacity, 1);
  const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) =>
    0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);

  const bad = new Set();
  const walk = document.createTreeWalker(document.querySelector("article"), NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const words = walk.currentNode.data.trim();
    const e = walk.currentNode.parentElement;
    if (!words || !e.checkVisibility({visibilityProperty: true})) continue;  // folded: not seen
    if (e.closest("script, style, mjx-container, .headerlink, :disabled")) continue;
    const style = getComputedStyle(e);
    const below = ground(e);
    const colour = parse(e.closest("svg") ? style.fill : style.color);
    colour[3] *= opacity(e);
    const [a, b] = [light(over(colour, below)), light(below)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.5 && style.fontWeight >= 700);
    const least = large || e.closest("svg") ? 3 : 4.5;
    if (ratio < least - 0.02) bad.add(`${ratio.toFixed(2)} < ${least}: ${words.slice(0, 40)}`);
  }
  return [...bad].slice(0, 8);
}
