/**
 * The script of a report page: what a chart reads at the pointer, by mouse, touch or arrow keys, which row and column
 * of the confusion matrix is looked at, and that a table goes on beyond its frame. Written as text, because it runs in
 * the page and not here; it uses no eval, loads nothing, and builds what it shows from text nodes only.
 */
export const reportScript: string = `
'use strict';
for (const figure of document.querySelectorAll('figure.chart')) {
  const data = JSON.parse(figure.querySelector('script.readings').textContent);
  const area = figure.querySelector('.area');
  const cursor = figure.querySelector('.cursor');
  const readout = figure.querySelector('.readout');
  if (data.x.length === 0) continue;
  const make = (tag, className, text) => {
    const element = document.createElement(tag);
    element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const placeIn = ([low, high], scale) => scale === 'logarithmic'
    ? (value) => Math.log(value / low) / Math.log(high / low) : (value) => (value - low) / (high - low);
  const fractionX = placeIn(data.xRange, data.xScale);
  const upwards = placeIn(data.yRange, data.yScale);
  const fractionY = (y) => 1 - upwards(y);
  const writeX = (x) => data.xScale === 'logarithmic' ? String(Number(x.toPrecision(3))) : x.toLocaleString('en-US');
  const write = (value) => typeof value === 'string' ? value
    : data.percent ? (100 * value).toFixed(1) + '%' : value.toPrecision(4);
  const markers = data.curves.map((curve) => {
    const marker = make('span', 'marker c' + curve.color);
    area.append(marker);
    marker.hidden = true;
    return marker;
  });
  let shown = -1;
  const hide = () => {
    shown = -1;
    cursor.hidden = readout.hidden = true;
    for (const marker of markers) marker.hidden = true;
  };
  const show = (index) => {
    if (index === shown) return;
    shown = index;
    const left = fractionX(data.x[index]);
    cursor.hidden = readout.hidden = false;
    cursor.style.left = 100 * left + '%';
    readout.replaceChildren(make('strong', '', data.xLabel + ' ' + writeX(data.x[index])));
    data.curves.forEach((curve, i) => {
      const value = curve.values[index];
      const top = typeof value === 'number' ? fractionY(value) : NaN;
      markers[i].hidden = !(top >= -0.01 && top <= 1.01) || curve.style === 'faint';
      markers[i].style.left = 100 * left + '%';
      markers[i].style.top = 100 * top + '%';
      if (value === null) return;
      const row = make('span', 'row');
      row.append(make('span', 'swatch ' + curve.style + ' c' + curve.color), make('span', 'name', curve.label),
        make('span', 'value', write(value)));
      readout.append(row);
    });
    const before = left > 0.5;
    readout.style.left = before ? '' : 'calc(' + 100 * left + '% + 14px)';
    readout.style.right = before ? 'calc(' + 100 * (1 - left) + '% + 14px)' : '';
  };
  const nearest = (x) => {
    let low = 0;
    let high = data.x.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (fractionX(data.x[middle]) <= x) low = middle; else high = middle;
    }
    return x - fractionX(data.x[low]) <= fractionX(data.x[high]) - x ? low : high;
  };
  const point = (event) => {
    const box = area.getBoundingClientRect();
    const fraction = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    show(nearest(fraction));
  };
  area.addEventListener('pointermove', point);
  area.addEventListener('pointerdown', point);
  area.addEventListener('pointerleave', hide);
  area.addEventListener('blur', hide);
  area.addEventListener('keydown', (event) => {
    const last = data.x.length - 1;
    const step = event.shiftKey ? Math.max(1, Math.round(last / 20)) : 1;
    const from = shown < 0 ? 0 : shown;
    const right = shown < 0 ? 0 : from + step;
    const left = shown < 0 ? last : from - step;
    const targets = { ArrowRight: right, ArrowLeft: left, Home: 0, End: last };
    if (event.key === 'Escape') hide();
    if (!(event.key in targets)) return;
    event.preventDefault();
    show(Math.min(last, Math.max(0, targets[event.key])));
  });
}
for (const scroll of document.querySelectorAll('.scroll')) {
  const hint = document.createElement('p');
  hint.className = 'scroll-hint';
  hint.textContent = 'Scroll sideways for the other columns \\u2192';
  scroll.after(hint);
  const look = () => {
    const hidden = scroll.scrollWidth - scroll.clientWidth;
    hint.hidden = hidden < 2;
    scroll.classList.toggle('more', scroll.scrollLeft < hidden - 1);
  };
  scroll.addEventListener('scroll', look, { passive: true });
  new ResizeObserver(look).observe(scroll);
}
for (const table of document.querySelectorAll('table.confusion')) {
  const readout = table.closest('section').querySelector('.confusion-readout');
  const idle = readout.textContent;
  const columns = [...table.querySelectorAll('thead tr:last-child th')];
  const clear = () => {
    for (const cell of table.querySelectorAll('.on')) cell.classList.remove('on');
    readout.textContent = idle;
  };
  table.addEventListener('pointerover', (event) => {
    const cell = event.target.closest('td');
    clear();
    if (!cell || cell.title === '') return;
    cell.classList.add('on');
    cell.parentElement.querySelector('th').classList.add('on');
    columns[cell.cellIndex].classList.add('on');
    readout.textContent = cell.title;
  });
  table.addEventListener('pointerleave', clear);
}
`;
