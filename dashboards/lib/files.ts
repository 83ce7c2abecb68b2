/** The dashboards as files for Grafana. */
import { agentHealth } from '../agent.ts';
import { flows } from '../flows.ts';
import { overview } from '../overview.ts';
import { tcpHealth } from '../tcp.ts';

const all = { overview, flows, tcp: tcpHealth, agent: agentHealth };

/** Name and content of each file. */
export function renderDashboards(): ReadonlyMap<string, string> {
  const entries = Object.entries(all).map(
    ([name, dashboard]) => [`${name}.json`, `${JSON.stringify(dashboard.build(), null, 2)}\n`] as const,
  );
  return new Map(entries);
}
