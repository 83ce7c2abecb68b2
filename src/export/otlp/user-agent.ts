/** What the agent calls itself towards a server, as the OTLP specification wants it. */
import { readHost } from '../host.ts';

export const userAgent = `sockflow/${readHost().agentVersion}`;
