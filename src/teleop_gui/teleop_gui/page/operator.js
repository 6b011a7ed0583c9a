const HOLD_MS = 80; // the server takes the drive key for released after 250 ms without a word
const SILENT_MS = 1000; // as long as nothing new comes, what is shown is not true any more
const at = (id) => document.getElementById(id);
let socket = null;
let holding = null;
let shown = null;
let number = 0;
let silent = null;

const say = (message) => socket?.readyState === WebSocket.OPEN && socket.send(JSON.stringify(message));
const act = (message) => say({ ...message, shown: number });
const write = (id, text) => at(id).textContent === text || (at(id).textContent = text);

function alarm() {
  hold(false);
  at("station").dataset.phase = "SILENT";
  at("panel").style.setProperty("--phase", "rgb(235, 104, 40)");
  write("says", "no connection: nothing is sent");
  write("hint", "if there is danger, use the robots' own emergency stop");
}

function hold(down) {
  if (down && !holding) {
    act({ hold: true });
    holding = setInterval(() => act({ hold: true }), HOLD_MS);
  } else if (!down && holding) {
    clearInterval(holding);
    holding = null;
    act({ hold: false });
  }
}

function place(event) {
  const box = at("picture").getBoundingClientRect();
  const share = (value) => Math.min(Math.max(value, 0), 1);
  return [share((event.clientX - box.left) / box.width), share((event.clientY - box.top) / box.height)];
}

function show(state) {
  const nats = (value) => (value === null ? "unknown" : value.toFixed(2));
  at("panel").style.setProperty("--phase", `rgb(${state.colour})`);
  write("says", state.says);
  write("hint", state.hint);
  write("robot", state.robot || "nobody");
  const reset = state.kind === "HARD_RESET";
  write("why", !state.robot ? "" : reset ? "needs a hard reset"
    : `unsure: ${nats(state.uncertainty)} of ${nats(state.threshold)} nats`);
  at("unsure").hidden = !state.robot || reset || !(state.threshold > 0);
  at("unsure").value = state.uncertainty / state.threshold || 0;
  write("time", state.robot ? `${state.seconds} s under your control, ${state.ticks} actions` : "");
  write("drive", !state.robot ? ""
    : (state.held ? "drive key held" : "drive key released") + (state.shortened ? " · shortened to what is allowed" : ""));
  write("waiting", `waiting: ${state.waiting.join(", ") || "nobody"}`);
  at("hold").classList.toggle("held", state.held);
  at("picture").style.visibility = state.robot ? "visible" : "hidden";
  at("station").dataset.phase = state.phase;
}

async function picture(data) {
  const next = URL.createObjectURL(new Blob([data], { type: "image/jpeg" }));
  at("picture").src = next;
  await at("picture").decode().catch(() => {});
  if (shown) URL.revokeObjectURL(shown);
  shown = next;
}

function confirm(state) {
  clearTimeout(silent);
  silent = setTimeout(alarm, SILENT_MS);
  number = state.number;
  act({});
}

function leave(sentence) {
  hold(false);
  clearTimeout(silent);
  at("station").hidden = true;
  at("login").hidden = false;
  at("refusal").textContent = sentence;
}

function join(event) {
  event.preventDefault();
  const human = at("human").value;
  let refusal = "The connection is lost. Whatever robot you had is given back: the fleet may move it at any time.";
  at("refusal").textContent = "";
  socket = new WebSocket(new URL("operator", location.href.replace(/^http/, "ws").replace(/#.*/, "")));
  socket.binaryType = "arraybuffer";
  socket.onopen = () => say({ human, token: at("token").value });
  let state = null;
  socket.onmessage = async ({ data }) => {
    if (typeof data !== "string") {
      await picture(data);
      return confirm(state);
    }
    state = JSON.parse(data);
    if (state.refused) return void (refusal = state.refused);
    at("login").hidden = true;
    at("station").hidden = false;
    write("who", human);
    show(state);
    if (!state.robot) confirm(state);
  };
  socket.onclose = () => leave(refusal);
}

at("login").addEventListener("submit", join);
at("picture").addEventListener("pointermove", (event) => act({ point: place(event) }));
at("picture").addEventListener("pointerdown", (event) => event.button === 0 && act({ click: place(event) }));
for (const gone of ["pointerleave", "pointercancel"]) at("picture").addEventListener(gone, () => act({ away: true }));
for (const button of document.querySelectorAll("[data-press]"))
  button.addEventListener("click", () => { act({ press: button.dataset.press }); button.blur(); });
at("hold").addEventListener("pointerdown", () => hold(true));
for (const over of ["pointerup", "pointercancel", "pointerleave"]) at("hold").addEventListener(over, () => hold(false));

addEventListener("keydown", (event) => {
  if (at("station").hidden || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.code === "Space") {
    if (event.target.dataset?.press) return; // the button that has the focus
    event.preventDefault();
    hold(true);
  } else if (!event.repeat && /^Key[A-Z]$/.test(event.code)) act({ press: event.code.at(-1).toLowerCase() });
});
addEventListener("keyup", (event) => event.code === "Space" && hold(false));
addEventListener("blur", () => hold(false));
document.addEventListener("visibilitychange", () => document.hidden && hold(false));

at("token").value = location.hash.slice(1);
for (const human of await (await fetch("humans")).json()) at("human").add(new Option(human));
