// Plays a hit, one at a time; tells the page which hit to show frame by frame.
const player = new Audio();
const rest = () => element.querySelectorAll('.play').forEach(button => { 
  button.textContent = '▶';
  button.setAttribute('aria-pressed', 'false');
});
player.addEventListener('ended', rest);
element.addEventListener('click', event => {
  const play = event.target.closest('.play');
  const hit = event.target.closest('[data-hit]');
  if (play) {
    const stop = play.textContent === '■';
    rest();
    player.pause();
    if (!stop) {
      player.src = play.dataset.src;
      player.play().then(() => { play.textContent = '■'; play.setAttribute('aria-pressed', 'true'); }, () => { play.textContent = '×'; });
    }
  } else if (hit) {
    element.querySelectorAll('[data-hit]').forEach(other => other.setAttribute('aria-pressed', other === hit));
    trigger('click', {hit: hit.dataset.hit});
  }
});
