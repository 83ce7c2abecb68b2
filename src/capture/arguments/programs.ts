/** What stands before a secret with some programs, and before something else with others: `-p` is mostly a port. */

export interface Habits {
  /** Options of one letter whose value is a secret, behind them or in the next argument. */
  readonly letters?: string;
  /** Where the value is when it is in one of these places alone. Without one, `-p` asks for the password. */
  readonly place?: 'behind' | 'next';
  /** Words behind which a secret stands. */
  readonly words?: readonly string[];
  /** Arguments that have an account: what may be shown of one, and its secret. */
  readonly account?: RegExp;
  /** With such a flag the last argument is a password. */
  readonly lastWith?: RegExp;
}

const habits: readonly (readonly [names: string, Habits])[] = [
  ['mysql mysqldump mysqladmin mysqlimport mysqlshow mysqlcheck mysqlslap mysqlsh', { letters: 'p', place: 'behind' }],
  ['mariadb mariadb-dump mariadb-admin mariadb-check xtrabackup mytop', { letters: 'p', place: 'behind' }],
  ['7z 7za 7zr 7zz rar unrar', { letters: 'p', place: 'behind' }],
  ['sshpass mongo mongosh mongodump mongorestore mongoexport mongoimport rabbitmqadmin', { letters: 'p' }],
  ['rdesktop xfreerdp cqlsh nodetool influx useradd usermod nxc hydra', { letters: 'p' }],
  ['mosquitto_pub mosquitto_sub zip unzip sqlcmd bcp ipmitool tsql isql freebcp', { letters: 'P' }],
  ['redis-cli valkey-cli keydb-cli redis-benchmark', { letters: 'a', words: ['auth'] }],
  ['ldapsearch ldapadd ldapmodify ldapdelete ldappasswd ldapwhoami ldapcompare', { letters: 'w' }],
  ['snmpwalk snmpget snmpset snmpbulkwalk snmpbulkget snmpgetnext snmptrap snmptable', { letters: 'cAXa' }],
  ['openssl', { letters: 'kK', place: 'next' }],
  ['curl http https xh xhs ab siege hey', { letters: 'b', account: /^([\w.@\\-]+:)(?!\/\/)(.+)$/ }],
  ['sqlplus sqlldr expdp impdp exp imp rman sql', { account: /^([\w$#.]+\/)([^@]+)(?=@|$)/ }],
  ['smbclient rpcclient net smbget winexe wmic', { account: /^([\w.\\/-]+%)(.+)$/ }],
  ['vault bao', { words: ['login'] }],
  ['htpasswd', { lastWith: /^-[a-zA-Z]*b[a-zA-Z]*$/ }],
];

const byName = new Map(habits.flatMap(([names, habit]) => names.split(' ').map((name) => [name, habit] as const)));

/** `word`: a program as it was called, with or without its path. Undefined: none that is known here. */
export function habitsOf(word: string): Habits | undefined {
  return byName.get(word.slice(word.lastIndexOf('/') + 1));
}
