// The report's charts, drawn by plotly.js from the JSON in #data. Every chart has a function that draws it anew from
// the results chosen and the page's colours; redraw() calls them all.
(function () {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const labels = floats(data.labels), predictions = data.predictions.map(floats);
  const shown = data.names.map(() => true);
  const get = id => document.getElementById(id);
  const plain = text => text.replace(/&/g, "&amp;").replace(/</g, "&lt;");  // plotly.js takes some tags for markup
  const names = data.names.map(plain);
  const dashes = ["solid", "dash", "dot", "dashdot"];

  function floats(text) {
    return new Float32Array(Uint8Array.from(atob(text), character => character.charCodeAt(0)).buffer);
  }

  // What of the page's style the charts need.
  function style(name) {
    return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  }
  const color = i => style(i < data.measured ? "c" + i % 7 : "grey");
  const dash = i => i < data.measured ? dashes[Math.floor(i / 7) % 4] : i === data.measured ? "dash" : "dot";

  function plot(id, traces, layout, height) {
    const axis = {gridcolor: style("line"), zerolinecolor: style("line"), linecolor: style("line")};
    const axes = {};
    for (const key of Object.keys(layout).filter(key => /^[xy]axis/.test(key)).concat("xaxis", "yaxis")) {
      axes[key] = Object.assign({automargin: true}, axis, layout[key]);
    }
    return Plotly.react(id, traces, Object.assign({
      height: height || 320, margin: {l: 50, r: 15, t: 34, b: 42}, showlegend: false, hovermode: "closest",
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: {family: "system-ui, sans-serif", size: 12, color: style("ink")},
      hoverlabel: {bgcolor: style("shade"), font: {color: style("ink")}},
      modebar: {bgcolor: "rgba(0,0,0,0)", color: style("soft"), activecolor: style("ink")}
    }, layout, axes), {responsive: true, displaylogo: false, displayModeBar: id === "chart-video",
      modeBarButtons: [["toImage", "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]]});
  }

  // Indices of results that are shown, of all or only of the measured ones.
  const chosen = count => data.names.map((_, i) => i).filter(i => shown[i] && i < (count || data.names.length));
  const measured = () => chosen(data.measured);

  function line(i, more) {
    return Object.assign({type: "scatter", mode: "lines+markers", name: names[i],
      line: {color: color(i), dash: dash(i), width: 1.6}, marker: {color: color(i), size: 6}}, more);
  }

  // The charts.

  // Figures with intervals, in the paper's metrics. rows: {name, figures, color} each, the first at the top.
  function drawIntervals(id, rows) {
    const metrics = ["mae", "mse", "pcc", "wmae", "wmse"], layout = {annotations: []}, traces = [];
    rows = rows.slice().reverse();
    metrics.forEach((metric, m) => {
      const n = m ? String(m + 1) : "", width = 0.165;
      layout["xaxis" + n] = {domain: [m * 0.2087, m * 0.2087 + width], anchor: "y" + n, nticks: 5};
      layout["yaxis" + n] = {anchor: "x" + n, tickvals: rows.map((_, k) => k), range: [-0.6, rows.length - 0.4],
        ticktext: rows.map(row => m ? "" : row.name), automargin: m === 0};
      layout.annotations.push({text: "<b>" + data.titles[metric] + "</b>", showarrow: false, xref: "paper",
        yref: "paper", x: m * 0.2087 + width / 2, y: 1, yanchor: "bottom", xanchor: "center"});
      rows.forEach((row, k) => {
        const [figure, low, high] = row.figures[metric];
        traces.push({type: "scatter", mode: "markers", name: row.name, x: [figure], y: [k],
          xaxis: "x" + n, yaxis: "y" + n, marker: {color: row.color, size: 8},
          error_x: {type: "data", symmetric: false, array: [high - figure], arrayminus: [figure - low],
            color: row.color, thickness: 2, width: 0, visible: low !== null},
          hovertemplate: "%{x:.3f}" + (low === null ? "" : `, ${low.toFixed(3)} to ${high.toFixed(3)}`)});
      });
    });
    return plot(id, traces, layout, Math.max(200, 70 + 24 * rows.length));
  }

  function drawFigures() {
    return drawIntervals("chart-figures", chosen().map(
      i => ({name: names[i], figures: data.figures[i], color: color(i)})));
  }

  function drawSweep(sweep, s) {
    return drawIntervals("chart-sweep-" + s, sweep.rows.map((row, i) => (
      {name: plain(row.name), figures: row.figures, color: style(i < sweep.measured ? "c0" : "grey")})));
  }

  function drawPain() {
    const metrics = ["auroc", "f1", "bacc"], layout = {annotations: []}, traces = [];
    const thresholds = Array.from({length: data.top}, (_, t) => t + 1);
    metrics.forEach((metric, m) => {
      const n = m ? String(m + 1) : "", start = m * 0.3475;
      layout["xaxis" + n] = {domain: [start, start + 0.305], anchor: "y" + n, title: {text: "intensity at least"},
        dtick: data.top < 10 ? 1 : 4};
      layout["yaxis" + n] = {anchor: "x" + n, range: [0, 1.02]};
      layout.annotations.push({text: "<b>" + data.titles[metric + "_1"].replace(" >= 1", "") + "</b>", showarrow: false,
        xref: "paper", yref: "paper", x: start + 0.1525, y: 1, yanchor: "bottom", xanchor: "center"});
      chosen().forEach(i => traces.push(line(i, {x: thresholds, xaxis: "x" + n, yaxis: "y" + n,
        y: thresholds.map(t => data.figures[i][metric + "_" + t][0])})));
    });
    return plot("chart-pain", traces, layout);
  }

  function drawSubjects() {
    const metric = get("subject-metric").value;
    const traces = chosen().map(i => ({type: "scatter", mode: "markers", name: names[i],
      x: data.of_subject[i].map(row => plain(row.subject)), y: data.of_subject[i].map(row => row[metric]),
      marker: {color: color(i), size: i < data.measured ? 8 : 11,
        symbol: i < data.measured ? "circle" : i === data.measured ? "line-ew-open" : "x-thin-open"},
      hovertemplate: "%{x}: %{y:.3f}"}));
    return plot("chart-subjects", traces, {xaxis: {type: "category", tickangle: -60},
      yaxis: {title: {text: metric === "bias" ? "mean of prediction - label" : metric.toUpperCase()},
        rangemode: metric === "mae" || metric === "mse" ? "tozero" : "normal"}}, 360);
  }

  function drawReliability() {
    const diagonal = {type: "scatter", mode: "lines", x: [0, data.top], y: [0, data.top], hoverinfo: "skip",
      line: {color: style("grey"), width: 1, dash: "dot"}};
    return plot("chart-reliability", [diagonal].concat(measured().map(i => line(i, {
      x: data.reliability[i].map(bin => bin[0]), y: data.reliability[i].map(bin => bin[1]),
      text: data.reliability[i].map(bin => bin[2] + " frames"),
      hovertemplate: "predicted %{x:.2f}, labelled %{y:.2f}, %{text}"}))), {
      title: title("What predictions mean"), xaxis: {title: {text: "mean prediction"}},
      yaxis: {title: {text: "mean label"}}});
  }

  function drawIntensity() {
    return plot("chart-intensity", measured().map(i => line(i, {
      x: data.by_intensity[i].map(row => row[0]), y: data.by_intensity[i].map(row => row[2]),
      text: data.by_intensity[i].map(row => `MAE ${row[3].toFixed(3)}, ${row[1]} frames`),
      hovertemplate: "label %{x}: bias %{y:.3f}, %{text}"})), {title: title("Bias by labelled intensity"),
      xaxis: {title: {text: "label"}, dtick: data.top < 10 ? 1 : 4},
      yaxis: {title: {text: "mean of prediction - label"}}});
  }

  function drawLag() {
    return plot("chart-lag", measured().map(i => ({type: "box", name: names[i], boxpoints: "all", pointpos: 0,
      jitter: 0.5, x: data.of_video[i].map(row => row.lag).filter(lag => lag !== null),
      marker: {color: color(i), size: 3}, line: {color: color(i), width: 1.2},
      fillcolor: "rgba(0,0,0,0)"})).reverse(), {
      title: title("Frames by which predictions follow labels"), xaxis: {title: {text: "frames, a point a video"}},
      yaxis: {showticklabels: measured().length < 12}});
  }

  function drawConfusion() {
    const i = Number(get("confusion-result").value), counts = data.confusion[i];
    const shares = counts.map(row => row.map(count => count / Math.max(1, row.reduce((a, b) => a + b))));
    const classes = counts.map((_, c) => String(c));
    return plot("chart-confusion", [{type: "heatmap", z: shares, x: classes, y: classes, zmin: 0, zmax: 1,
      colorscale: [[0, style("shade")], [1, style("c0")]], showscale: false, customdata: counts,
      texttemplate: data.top < 10 ? "%{z:.0%}" : "", hovertemplate:
        "labelled %{y}, predicted %{x}: %{customdata} frames, %{z:.1%} of the label's<extra></extra>"}], {
      title: title("Predicted, of each label's frames"), xaxis: {title: {text: "predicted, rounded"}, type: "category"},
      yaxis: {title: {text: "label"}, type: "category", autorange: "reversed"}});
  }

  function drawVideo() {
    const v = Number(get("video").value), video = data.videos[v], end = video.start + video.frames;
    const x = video.numbers || Array.from({length: video.frames}, (_, f) => f + 1);
    const traces = measured().map(i => ({type: "scatter", mode: "lines", name: names[i], x: x,
      y: Array.from(predictions[i].subarray(video.start, end)), line: {color: color(i), dash: dash(i), width: 1.5},
      hovertemplate: "%{y:.2f}"}));
    traces.unshift({type: "scatter", mode: "lines", name: "label", x: x,
      y: Array.from(labels.subarray(video.start, end)), line: {color: style("truth"), width: 2.4, shape: "hv"},
      hovertemplate: "%{y:.3~f}"});
    document.querySelectorAll("#thumbnails a").forEach(
      a => a.classList.toggle("chosen", Number(a.dataset.video) === v));
    return plot("chart-video", traces, {title: title(plain(name(video))), hovermode: "x unified",
      uirevision: v, xaxis: {title: {text: "frame"}}, yaxis: {title: {text: "intensity"}, rangemode: "tozero",
        range: [-0.15, data.top + 0.15]}}, 380);
  }

  function title(text) {
    return {text: text, font: {size: 13}, x: 0.01, xanchor: "left", y: 0.98, yanchor: "top"};
  }

  const unique = new Set(data.videos.map(video => video.video)).size === data.videos.length;
  const shortName = video => unique ? video.video || video.subject : name(video);
  const name = video => [video.subject, video.video].filter(Boolean).join(" / ");

  // The thumbnails: an SVG a video, drawn when it comes into view, or is printed.

  function listThumbnails() {
    const i = Number(get("order-result").value), box = get("thumbnails");
    const order = data.videos.map((_, v) => v).sort((a, b) => data.of_video[i][b].mae - data.of_video[i][a].mae);
    box.replaceChildren(...order.map(v => {
      const a = document.createElement("a"), figures = data.of_video[i][v];
      a.href = "#video-" + (v + 1);
      a.id = "thumbnail-" + (v + 1);
      a.dataset.video = v;
      const pcc = figures.pcc === null ? "" : "PCC " + figures.pcc.toFixed(2);
      a.append(row("b", shortName(data.videos[v])), row("small", "MAE " + figures.mae.toFixed(2), pcc));
      seen.observe(a);
      return a;
    }));
  }

  function row(tag, ...texts) {
    const span = document.createElement("span");
    span.append(...texts.map(text => Object.assign(document.createElement(tag), {textContent: text})));
    span.title = texts[0];
    return span;
  }

  function drawThumbnail(a) {
    const video = data.videos[a.dataset.video], end = video.start + video.frames;
    const points = values => Array.from(values, (value, f) => f + "," + (data.top - value).toFixed(2)).join(" ");
    const curves = measured().map(i => [predictions[i].subarray(video.start, end), `--c${i % 7}`]);
    curves.push([labels.subarray(video.start, end), "--truth"]);
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", `0 ${-0.2} ${Math.max(1, video.frames - 1)} ${data.top + 0.4}`);
    svg.setAttribute("preserveAspectRatio", "none");
    for (const [values, stroke] of curves) {
      const curve = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
      curve.setAttribute("points", points(values));
      curve.style.stroke = `var(${stroke})`;
      svg.append(curve);
    }
    const old = a.querySelector("svg");
    if (old) old.replaceWith(svg); else a.firstChild.after(svg);
  }

  const seen = new IntersectionObserver(entries => entries.forEach(entry => {
    if (entry.isIntersecting) {
      seen.unobserve(entry.target);
      drawThumbnail(entry.target);
    }
  }), {rootMargin: "300px"});

  // The controls.

  function options(select, texts) {
    select.replaceChildren(...texts.map((text, i) => new Option(text, i)));
  }

  function showVideo(v) {
    get("video").value = v;
    drawVideo();
  }

  function step(by) {
    const order = Array.from(document.querySelectorAll("#thumbnails a"), a => Number(a.dataset.video));
    const place = order.indexOf(Number(get("video").value));
    showVideo(order[(place + by + order.length) % order.length]);
  }

  function followAddress(jump) {
    const match = location.hash.match(/^#video-(\d+)$/);
    if (!match || !data.videos[match[1] - 1]) return;
    showVideo(match[1] - 1);
    if (jump) get("videos").scrollIntoView();
  }

  function showMatrix() {
    document.querySelectorAll(".matrix").forEach(
      box => box.classList.toggle("chosen", box.dataset.metric === get("matrix-metric").value));
  }

  function redraw() {
    document.querySelectorAll("#results i").forEach((mark, i) => { mark.style.background = color(i); });
    return Promise.all([drawFigures(), drawPain(), drawSubjects(), drawReliability(), drawIntensity(), drawLag(),
      drawConfusion(), drawVideo(), ...data.sweeps.map(drawSweep)]);
  }

  function redrawThumbnails() {
    document.querySelectorAll("#thumbnails a").forEach(a => { if (a.querySelector("svg")) drawThumbnail(a); });
  }

  data.names.forEach((text, i) => {
    const label = document.createElement("label"), box = document.createElement("input");
    box.type = "checkbox";
    box.checked = true;
    box.addEventListener("change", () => { shown[i] = box.checked; redraw(); redrawThumbnails(); });
    label.append(box, document.createElement("i"), text);
    get("results").append(label);
  });
  document.querySelectorAll("select.measured").forEach(select => options(select, data.names.slice(0, data.measured)));
  options(get("video"), data.videos.map(name));
  document.documentElement.classList.add("script");
  get("matrix-metric").addEventListener("change", showMatrix);
  get("subject-metric").addEventListener("change", drawSubjects);
  get("confusion-result").addEventListener("change", drawConfusion);
  get("order-result").addEventListener("change", () => { listThumbnails(); drawVideo(); });
  get("video").addEventListener("change", drawVideo);
  get("previous").addEventListener("click", () => step(-1));
  get("next").addEventListener("click", () => step(1));
  addEventListener("hashchange", () => followAddress(true));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  addEventListener("beforeprint", () => {
    document.querySelectorAll("#thumbnails a").forEach(drawThumbnail);
    redraw();
  });
  addEventListener("afterprint", redraw);

  showMatrix();
  listThumbnails();
  get("video").value = document.querySelector("#thumbnails a").dataset.video;
  redraw().then(() => { followAddress(false); document.documentElement.dataset.drawn = "yes"; });
})();
