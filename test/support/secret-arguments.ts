/** Command lines with a secret in them, and innocent ones, made from a seed. */
import { createHash } from 'node:crypto';
import { random } from './random.ts';

export interface SecretLine {
  readonly args: readonly string[];
  readonly secret: string;
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
const CAPITALS = LETTERS.toUpperCase();
const DIGITS = '0123456789';
const ALL = LETTERS + CAPITALS + DIGITS;
const SIGNS = '!#%*+-.=?^_~';

/** As people and services make them. */
function makers(next: () => number) {
  const of = (alphabet: string, length: number) =>
    Array.from({ length }, () => alphabet[Math.floor(next() * alphabet.length)]).join('');
  const hex = (length: number) => of('0123456789abcdef', length);
  const base64 = (length: number) => of(`${ALL}+/`, length);
  const capital = (word: string) => word.replace(/^./, (first) => first.toUpperCase());
  const word = () => ['tiger', 'winter', 'monkey', 'dragon', 'summer', 'coffee'][Math.floor(next() * 6)] as string;
  return {
    of,
    hex,
    base64,
    word,
    password: () => `${capital(word())}${of(DIGITS, 4)}${of('!#%*?', 1)}`,
    mixed: () => of(ALL + SIGNS, 14).replace(/^[^A-Za-z0-9]/, 'q'),
    jwt: () => `eyJhbGciOiJIUzI1NiJ9.eyJ${of(ALL, 40)}.${of(`${ALL}_-`, 43)}`,
    pem: () => `-----BEGIN RSA PRIVATE KEY-----\n${base64(64)}\n${base64(64)}\n-----END RSA PRIVATE KEY-----`,
    digest: (length: number) => createHash('sha256').update(`${next()}`).digest('hex').slice(0, length),
  };
}

export type Makers = ReturnType<typeof makers>;

type Template = (make: Makers) => SecretLine;

/** `shape`: a command line in which a `§` stands for the secret; ⏎ is between arguments. */
const at =
  (shape: string, secretOf: (make: Makers) => string): Template =>
  (make) => {
    const secret = secretOf(make);
    return { args: shape.split('⏎').map((part) => part.replaceAll('§', secret)), secret };
  };

const password = (make: Makers) => make.password();
const mixed = (make: Makers) => make.mixed();
const plain = (make: Makers) => make.of(ALL, 16);
const short = (make: Makers) => make.of(LETTERS + DIGITS, 9);
const word = (make: Makers) => make.word();

const flags: Template[] = [
  at('app⏎--password⏎§⏎--verbose', password),
  at('app⏎--password=§', mixed),
  at('app⏎--passwd⏎§', word),
  at('/opt/app/bin/server⏎--db-password=§⏎--port=80', password),
  at('app⏎--dbPassword⏎§', mixed),
  at('app⏎-password⏎§', word),
  at('app⏎--token⏎§', plain),
  at('app⏎--token=§', short),
  at('agent⏎--api-token⏎§⏎--host⏎example.com', plain),
  at('agent⏎--apiKey=§', plain),
  at('agent⏎--api-key⏎§', short),
  at('agent⏎--api_key=§', plain),
  at('app⏎--client-secret⏎§', mixed),
  at('app⏎--client-secret=§', word),
  at('app⏎--secret⏎§', word),
  at('app⏎--auth-token⏎§', plain),
  at('app⏎--authtoken=§', plain),
  at('app⏎--access-token=§', plain),
  at('app⏎--refresh_token⏎§', plain),
  at('app⏎--passphrase⏎§', word),
  at('gpg⏎--batch⏎--passphrase=§⏎-d⏎file.gpg', password),
  at('app⏎--bearer-token⏎§', plain),
  at('app⏎--secret-access-key⏎§', (make) => make.base64(40)),
  at('app⏎--private-key=§', (make) => make.base64(44)),
  at('app⏎--encryption-key⏎§', (make) => make.hex(32)),
  at('app⏎--key⏎§', plain),
  at('app⏎--key=§', (make) => make.hex(24)),
  at('app⏎--cookie⏎§', (make) => `sid=${make.of(ALL, 20)}`),
  at('app⏎--session-id=§', plain),
  at('app⏎--jwt⏎§', (make) => make.jwt()),
  at('app⏎--pwd⏎§', word),
  at('app⏎--pw=§', word),
  at('app⏎--redis-pass⏎§', password),
  at('app⏎--redispass=§', password),
  at('app⏎--smtp.password⏎§', mixed),
  at('app⏎--spring.datasource.password=§', password),
  at('app⏎--webhook-secret⏎§', mixed),
  at('app⏎--credentials⏎§', mixed),
  at('java⏎-Djavax.net.ssl.keyStorePassword=§⏎-jar⏎app.jar', word),
  at('java⏎-Ddb.password=§⏎-cp⏎/opt/x.jar⏎org.example.Main', mixed),
  at('keytool⏎-storepass⏎§⏎-list', word),
  at('keytool⏎-keypass⏎§', password),
  at('wget⏎--user=bob⏎--password=§⏎http://example.com/', mixed),
  at('app⏎--set⏎auth.password=§', mixed),
  at('helm⏎install⏎x⏎--set⏎postgresql.auth.postgresPassword=§', password),
  at('kubectl⏎create⏎secret⏎generic⏎db⏎--from-literal=pass=§', word),
  at('ansible-playbook⏎site.yml⏎-e⏎ansible_become_password=§', mixed),
  at('terraform⏎apply⏎-var⏎db_password=§', mixed),
  at('terraform⏎apply⏎-var=api_token=§', plain),
  at('docker⏎build⏎--build-arg⏎NPM_TOKEN=§⏎.', plain),
];

const letters: Template[] = [
  at('mysql⏎-u⏎root⏎-p§⏎shop', word),
  at('/usr/bin/mysqldump⏎-uroot⏎-p§⏎--all-databases', mixed),
  at('mariadb⏎-p§', password),
  at('sshpass⏎-p⏎§⏎ssh⏎root@host', password),
  at('sshpass⏎-p§⏎ssh⏎root@host', word),
  at('redis-cli⏎-h⏎cache⏎-a⏎§⏎ping', word),
  at('redis-cli⏎AUTH⏎§', mixed),
  at('mongosh⏎-u⏎admin⏎-p⏎§', password),
  at('mongodump⏎--username⏎a⏎--password⏎§', mixed),
  at('ldapsearch⏎-x⏎-D⏎cn=admin,dc=example,dc=com⏎-w⏎§', word),
  at('snmpwalk⏎-v2c⏎-c⏎§⏎10.0.0.1', word),
  at('snmpget⏎-v3⏎-u⏎bob⏎-A⏎§⏎-X⏎other⏎10.0.0.1', password),
  at('ipmitool⏎-H⏎bmc⏎-U⏎ADMIN⏎-P⏎§⏎power⏎status', word),
  at('sqlcmd⏎-S⏎db⏎-U⏎sa⏎-P⏎§', mixed),
  at('7z⏎a⏎-p§⏎x.7z⏎dir', word),
  at('zip⏎-P⏎§⏎x.zip⏎file', word),
  at('openssl⏎rsa⏎-in⏎k.pem⏎-passin⏎pass:§', word),
  at('openssl⏎enc⏎-aes-256-cbc⏎-k⏎§', word),
  at('openssl⏎enc⏎-aes-256-cbc⏎-K⏎§', (make) => make.hex(64)),
  at('htpasswd⏎-bc⏎/etc/htpasswd⏎bob⏎§', word),
  at('sqlplus⏎scott/§@orcl', word),
  at('smbclient⏎//srv/share⏎-U⏎bob%§', password),
  at('curl⏎-u⏎bob:§⏎http://example.com', word),
  at('curl⏎--user⏎bob:§', mixed),
  at('curl⏎-ubob:§⏎https://example.com', password),
  at('curl⏎--proxy-user⏎bob:§', password),
  at('http⏎-a⏎bob:§⏎GET⏎example.com', word),
  at('docker⏎login⏎-u⏎bob⏎-p⏎§⏎registry.example.com', word),
  at('helm⏎registry⏎login⏎-u⏎bob⏎-p⏎§⏎r.example.com', password),
  at('vault⏎login⏎§', (make) => `hvs.${make.of(ALL, 24)}`),
  at('az⏎login⏎--service-principal⏎-u⏎app⏎-p⏎§', password),
  at('mosquitto_pub⏎-h⏎broker⏎-p⏎1883⏎-u⏎dev⏎-P⏎§⏎-t⏎a', word),
  at('unknown-tool⏎-p§', password),
  at('unknown-tool⏎-p⏎§', password),
  at('aws⏎configure⏎set⏎aws_secret_access_key⏎§', (make) => make.base64(40)),
  at('app⏎-u⏎bob:§', password),
];

const environments: Template[] = [
  at('env⏎FOO_SECRET=§⏎app', word),
  at('env⏎DB_PASSWORD=§⏎LANG=C⏎app', mixed),
  at('env⏎PGPASSWORD=§⏎psql⏎-h⏎db', word),
  at('env⏎MYSQL_PWD=§⏎mysql', word),
  at('env⏎AWS_SECRET_ACCESS_KEY=§⏎aws⏎s3⏎ls', (make) => make.base64(40)),
  at('env⏎AWS_SESSION_TOKEN=§⏎aws', (make) => make.base64(120)),
  at('env⏎GITHUB_TOKEN=§⏎gh', (make) => `ghp_${make.of(ALL, 36)}`),
  at('docker⏎run⏎-e⏎POSTGRES_PASSWORD=§⏎postgres', word),
  at('docker⏎run⏎--env=API_KEY=§⏎app', plain),
  at('systemd-run⏎--setenv=TOKEN=§⏎app', short),
  at('sudo⏎VAULT_TOKEN=§⏎vault⏎read⏎x', plain),
  at('app⏎SECRET_KEY_BASE=§', (make) => make.hex(128)),
  at('app⏎DJANGO_SECRET_KEY=§', mixed),
  at('app⏎STRIPE_API_KEY=§', (make) => `sk_live_${make.of(ALL, 24)}`),
  at('app⏎ENCRYPTION_KEY=§', (make) => make.base64(44)),
];

const urls: Template[] = [
  at('app⏎postgres://app:§@db.example.com:5432/shop', plain),
  at('app⏎postgresql://app:§@db/shop?sslmode=disable', word),
  at('app⏎--dsn=mysql://root:§@db:3306/x', password),
  at('app⏎redis://:§@cache:6379/0', plain),
  at('app⏎rediss://default:§@cache:6380', word),
  at('app⏎amqp://guest:§@rabbit:5672/%2f', short),
  at('app⏎mongodb+srv://admin:§@cluster0.example.net/db', plain),
  at('app⏎--proxy⏎http://bob:§@proxy:3128', short),
  at('git⏎clone⏎https://bob:§@git.example.com/x.git', plain),
  at('git⏎clone⏎https://§@github.com/o/r.git', (make) => `ghp_${make.of(ALL, 36)}`),
  at('git⏎clone⏎https://§:x-oauth-basic@github.com/o/r.git', (make) => make.hex(40)),
  at('git⏎clone⏎https://oauth2:§@gitlab.com/o/r.git', (make) => `glpat-${make.of(ALL, 20)}`),
  at('curl⏎https://api.example.com/v1?token=§&page=2', plain),
  at('curl⏎https://api.example.com/v1?page=2&api_key=§', short),
  at('curl⏎https://api.example.com/v1?access_token=§#top', plain),
  at('curl⏎https://maps.example.com/x?key=§', (make) => `AIza${make.of(ALL, 35)}`),
  at('curl⏎https://a.blob.example.net/c?sv=2022-11-02&sig=§', (make) => `${make.of(ALL, 40)}%3D`),
  at('curl⏎https://b.s3.example.com/k?X-Amz-Signature=§&X-Amz-Expires=60', (make) => make.hex(64)),
  at('curl⏎https://b.s3.example.com/k?X-Amz-Security-Token=§', (make) => make.of(ALL, 80)),
  at('curl⏎https://x.example.com/cb?code=§&state=1', plain),
  at('curl⏎https://x.example.com/reset?password=§', word),
  at('app⏎--url=https://x.example.com/?client_secret=§', word),
  at('app⏎root:§@tcp(db:3306)/shop', short),
  at('app⏎--dsn⏎app:§@tcp(127.0.0.1:3306)/shop?parseTime=true', word),
  at(
    'curl⏎https://hooks.slack.com/services/§',
    (make) => `T${make.of(CAPITALS, 8)}/B${make.of(CAPITALS, 8)}/${make.of(ALL, 24)}`,
  ),
  at('curl⏎https://api.telegram.org/bot§/sendMessage', (make) => `${make.of('123456789', 9)}:${make.of(ALL, 35)}`),
  at('curl⏎https://discord.com/api/webhooks/123456789012345678/§', (make) => make.of(ALL, 68)),
  at('ftp⏎ftp://user:§@ftp.example.com/dir/', short),
  at('app⏎jdbc:postgresql://db/shop?user=app&password=§', word),
  at('app⏎jdbc:oracle:thin:scott/§@db:1521:orcl', plain),
  at('app⏎Server=db;Database=shop;User Id=sa;Password=§;Encrypt=true', word),
  at('app⏎Host=db;Username=app;Pwd=§', mixed),
  at(
    'app⏎DefaultEndpointsProtocol=https;AccountName=a;AccountKey=§;EndpointSuffix=x',
    (make) => `${make.base64(86)}==`,
  ),
  at('mount⏎-t⏎cifs⏎//srv/share⏎/mnt⏎-o⏎username=bob,password=§,vers=3.0', short),
];

const headers: Template[] = [
  at('curl⏎-H⏎Authorization: Bearer §⏎https://example.com', plain),
  at('curl⏎-H⏎Authorization: Basic §', (make) => Buffer.from(`bob:${make.password()}`).toString('base64')),
  at('curl⏎-H⏎authorization: token §', (make) => make.hex(40)),
  at('curl⏎-HAuthorization: Bearer §⏎https://example.com', plain),
  at('curl⏎--header=X-Api-Key: §', plain),
  at('curl⏎-H⏎X-Auth-Token:§', short),
  at('curl⏎-H⏎PRIVATE-TOKEN: §', (make) => `glpat-${make.of(ALL, 20)}`),
  at('curl⏎-H⏎Cookie: session=§; theme=dark', plain),
  at('curl⏎-b⏎session=§⏎https://example.com', plain),
  at('curl⏎-d⏎{"user":"bob","password":"§"}⏎https://example.com', password),
  at('curl⏎-d⏎{"a": 1, "client_secret": "§", "b": 2}', word),
  at('curl⏎-d⏎user=bob&password=§', mixed),
  at('curl⏎--data⏎grant_type=x&client_secret=§&scope=all', short),
  at('grpcurl⏎-H⏎x-token: §⏎host:443⏎list', plain),
  at('websocat⏎-H=Authorization: Bearer §⏎ws://h', (make) => make.jwt()),
];

const scripts: Template[] = [
  at('sh⏎-c⏎export FOO_SECRET=§; exec app', word),
  at('bash⏎-c⏎mysql -u root -p§ shop < dump.sql', word),
  at("bash⏎-c⏎mysql -u root -p'§' shop", password),
  at('bash⏎-c⏎curl -s -u bob:§ https://example.com | jq .', word),
  at('bash⏎-c⏎curl -H "Authorization: Bearer §" https://example.com', plain),
  at("sh⏎-c⏎curl -H 'X-Api-Key: §' https://example.com && true", short),
  at('sh⏎-c⏎app --password § --verbose', word),
  at('sh⏎-c⏎app --token="§" --verbose', mixed),
  at('sh⏎-c⏎DB_PASSWORD=§ /opt/app/run.sh', mixed),
  at('sh⏎-c⏎git clone https://x:§@github.com/o/r', plain),
  at('sh⏎-c⏎sshpass -p § ssh root@host uptime', word),
  at('sh⏎-c⏎echo § | docker login -u bob --password-stdin', (make) => `dckr_pat_${make.of(ALL, 27)}`),
  at('python⏎-c⏎import app; app.run(token="§")', plain),
  at('python⏎-c⏎connect(host="db", password = "§")', word),
  at('node⏎-e⏎require("x")({ apiKey: "§" })', plain),
  at('ssh⏎host⏎env API_TOKEN=§ ./deploy.sh', short),
  at('sh⏎-c⏎sh -c "app --secret=§"', word),
  at('perl⏎-e⏎$password = "§"; print 1', word),
];

/** Known by what they look like, wherever they are. */
const shapes: Template[] = [
  (make: Makers) => `AKIA${make.of(CAPITALS + DIGITS, 16)}`,
  (make: Makers) => `ASIA${make.of(CAPITALS + DIGITS, 16)}`,
  (make: Makers) => make.jwt(),
  (make: Makers) => make.pem(),
  (make: Makers) => `gho_${make.of(ALL, 36)}`,
  (make: Makers) => `github_pat_${make.of(ALL, 22)}_${make.of(ALL, 59)}`,
  (make: Makers) => `xoxb-${make.of(DIGITS, 12)}-${make.of(DIGITS, 12)}-${make.of(ALL, 24)}`,
  (make: Makers) => `sk-ant-api03-${make.of(ALL, 60)}`,
  (make: Makers) => `sk-${make.of(ALL, 48)}`,
  (make: Makers) => `npm_${make.of(ALL, 36)}`,
  (make: Makers) => `hf_${make.of(LETTERS + CAPITALS, 34)}`,
  (make: Makers) => `SG.${make.of(ALL, 22)}.${make.of(ALL, 43)}`,
  (make: Makers) => `AGE-SECRET-KEY-1${make.of(CAPITALS + DIGITS, 58)}`,
  (make: Makers) => `shpat_${make.hex(32)}`,
  (make: Makers) => `dop_v1_${make.hex(64)}`,
  (make: Makers) => `ya29.${make.of(ALL, 60)}`,
  (make: Makers) => `tskey-auth-${make.of(ALL, 12)}-${make.of(ALL, 24)}`,
  (make: Makers) => make.hex(64),
  (make: Makers) => make.hex(40),
  (make: Makers) => make.of(ALL, 32),
  (make: Makers) => `${make.base64(43)}=`,
  (make: Makers) => make.of(`${ALL}_-`, 43),
].flatMap((secretOf) => [
  at('app⏎run⏎§⏎--verbose', secretOf),
  at('app⏎--thing=§', secretOf),
  at('app⏎--thing⏎§', secretOf),
]);

const templates = [...flags, ...letters, ...environments, ...urls, ...headers, ...scripts, ...shapes];

/** Each template `rounds` times with other secrets. */
export function secretLines(seed: number, rounds: number): SecretLine[] {
  const make = makers(random(seed));
  return Array.from({ length: rounds }, () => templates.map((template) => template(make))).flat();
}
