// Draws one example of the 3D viewer at a time; an example is a script that fills window.scenes.
window.scenes = {};
(() => {
  const place = document.getElementById("viewer");
  if (!place) return;
  const chooser = document.getElementById("viewer-scene");
  const caption = document.getElementById("viewer-caption");
  const colors = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A5195", "#8C564B", "#6B8E23", "#B22222", "#4B5D67", "#20B2AA"];

  const loaded = (id) =>
    new Promise((resolve) => {
      if (window.scenes[id]) return resolve(window.scenes[id]);
      const script = document.createElement("script");
      script.src = `assets/scenes/${id}.js`;
      script.onload = () => resolve(window.scenes[id]);
      document.head.append(script);
    });

  const trace = (group, index, up, size) => {
    const axes = [[], [], []];
    group.points.forEach((value, i) => axes[i % 3].push(value / 1000));
    // The viewer's third axis is up.
    const [x, y, z] = up === "y" ? [axes[2], axes[0], axes[1]] : axes;
    const color = colors[index % colors.length];
    return { type: "scatter3d", mode: "markers", name: group.name, x, y, z, hoverinfo: "name", marker: { size, color, line: { width: 0 } } };
  };

  const show = async () => {
    const id = chooser.value;
    delete place.dataset.drawn;
    const scene = await loaded(id);
    const count = scene.groups.reduce((sum, group) => sum + group.points.length / 3, 0);
    const narrow = place.clientWidth < 600;
    const size = (count > 4000 ? 1.6 : 2.2) * (narrow ? 0.8 : 1);
    const away = narrow ? 1.6 : 1;
    const eye = scene.up === "y" ? [1.4, 0.95, 0.6] : [0.85, -1.2, 1.0];
    const style = getComputedStyle(document.body);
    const axis = { visible: false, showspikes: false };
    const layout = {
      margin: { l: 0, r: 0, t: 0, b: 0 },
      paper_bgcolor: "rgba(0,0,0,0)",
      font: { color: style.getPropertyValue("--md-typeset-color") || style.color, family: "inherit" },
      legend: { orientation: "h", y: 0, yanchor: "top", itemsizing: "constant" },
      scene: { domain: { y: [0.1, 1] }, aspectmode: "data", xaxis: axis, yaxis: axis, zaxis: axis, dragmode: "orbit", camera: { center: { x: 0, y: 0, z: -0.12 }, eye: { x: away * eye[0], y: away * eye[1], z: away * eye[2] } } },
    };
    const traces = scene.groups.map((group, index) => trace(group, index, scene.up, size));
    await Plotly.react(place, traces, layout, { responsive: true, displaylogo: false, displayModeBar: false });
    caption.textContent = scene.caption;
    place.dataset.drawn = id;
    history.replaceState(null, "", `#${id}`);
  };

  const follow = () => {
    const wanted = location.hash.slice(1);
    if ([...chooser.options].some((option) => option.value === wanted)) chooser.value = wanted;
    show();
  };
  chooser.addEventListener("change", show);
  window.addEventListener("hashchange", follow);
  follow();
})();
