/** Names that are kept for what isn't built yet: refused by name, so that nobody thinks that they work. */

export const notBuiltOptions: readonly string[] = ['command-args'];
