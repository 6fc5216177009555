import { Run } from "/tmp/wt-member/lib/simulation/run.ts";
import { parseScenarioText } from "/tmp/wt-member/lib/simulation/scenario.ts";
const s = parseScenarioText(Deno.readTextFileSync(Deno.args[0]));
const run = Run.start(s);
while (!run.advance(100000));
const r = run.result();
console.log(r.violations.slice(0,4).map(v=>v.checker+": "+v.message));
for (const m of run.simulation.machines) {
  const x = m.replica;
  if (!x) { console.log(m.id, "down", m.isGone); continue; }
  const st = x.stats();
  console.log(m.id, "v", x.membership.version, x.membership.entries().map(e=>e.member.id+":"+e.standing+e.version).join(" "), "steps", x.ring.steps.length, JSON.stringify(x.ring.steps.slice(0,3).map(q=>({...q, owners:x.ring.primaries(q.range), planned: x.ring.planned(q.range), ep: x.ring.epochOf(q.range), f: x.membership.isFenced(q.range), fi: x.membership.isFilled(q.range)}))), "rest", x.isAtRest, "up", Object.entries(st.peers).filter(([,p])=>!p.up).map(([n])=>n).join(), "hints", JSON.stringify(st.hints), JSON.stringify({t:st.counters.rangesTaken,k:st.counters.keysTaken,a:st.counters.rangesAdvanced}), (x as any).parts.leftovers.isClean, (x as any).node.proving.isProven, (x as any).parts.takeovers.current.map((t:any)=>t.phase+t.sources));
}
console.log("orders idle", run.simulation.orders.isIdle, JSON.stringify(run.simulation.orders.committed), "virtual", r.virtualMs);
console.log(JSON.stringify(s.config), JSON.stringify(s.nodes.length), JSON.stringify(s.faults.filter(f=>["join","leave","remove","replace","wipe"].includes(f.kind))));
