/** What may come before all options, and what it shows; without any of them the agent runs. */
export const commands: Readonly<Record<string, string>> = {
  top: 'a live table of connections',
  check: 'what this host lets it see, and why not',
  replay: 'what --record FILE has kept',
  config: 'what is in force, and where it is from',
  completion: 'a script for bash, zsh or fish',
};
