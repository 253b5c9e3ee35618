// Scrolls to what answers a tap, where that is out of sight, as on a phone; there the examples fold as well.
(answer, folds) => {
  const narrow = window.matchMedia('(max-width: 640px)').matches;
  if (folds && narrow) document.querySelector('#examples .label-wrap.open')?.click();
  setTimeout(() => {
    const shown = document.querySelector(answer);
    const top = shown?.getBoundingClientRect().top;
    if (top < 0 || top > window.innerHeight / 2) shown.scrollIntoView({block: 'start'});
  }, 150);
}
