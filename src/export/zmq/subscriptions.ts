/** Who listens to what, by what subscribers say when they come and go. */
import { type Topic, topicBytes } from './message.ts';

export interface Subscriptions {
  /** Takes a message of a subscriber. Returns the topics that it has come for, if it has. */
  learn(message: Uint8Array): readonly Topic[];
  /** Somebody listens. */
  has(topic: Topic): boolean;
}

const topics: readonly (readonly [Topic, Buffer])[] = (['flow', 'event', 'listening-ports'] as const).map((topic) => [
  topic,
  topicBytes(topic),
]);

export function createSubscriptions(): Subscriptions {
  const listeners = new Map<Topic, number>();
  return {
    learn(message) {
      const [verb] = message;
      if (verb !== 0 && verb !== 1) return [];
      const prefix = message.subarray(1);
      const meant = topics
        .filter(([, bytes]) => bytes.subarray(0, prefix.length).equals(prefix))
        .map(([topic]) => topic);
      for (const topic of meant) listeners.set(topic, Math.max(0, (listeners.get(topic) ?? 0) + (verb === 1 ? 1 : -1)));
      return verb === 1 ? meant : [];
    },
    has: (topic) => (listeners.get(topic) ?? 0) > 0,
  };
}
