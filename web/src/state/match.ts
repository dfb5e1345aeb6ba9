/** How well typed letters fit a name: 0 no fit, higher is better. Word beginnings count most. */
export function match(typed: string, name: string): number {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const hay = name.toLowerCase();
  let score = 0;
  for (const word of words) {
    const at = hay.indexOf(word);
    if (at === 0) score += 4;
    else if (at > 0) score += /[\s_:]/.test(hay[at - 1] ?? '') ? 3 : 2;
    else {
      // Letters in order, such as "qr" for "quick ratio".
      let i = -1;
      for (const letter of word) {
        i = hay.indexOf(letter, i + 1);
        if (i < 0) return 0;
      }
      score += word.length > 3 ? 0.3 : 0.6;
    }
  }
  return words.length ? score / words.length : 0;
}
