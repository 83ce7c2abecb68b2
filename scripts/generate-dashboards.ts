/** Writes dashboards/*.json, what Grafana imports, from dashboards/*.ts. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderDashboards } from '../dashboards/lib/files.ts';

const directory = join(import.meta.dirname, '../dashboards');
for (const [name, content] of renderDashboards()) writeFileSync(join(directory, name), content);
