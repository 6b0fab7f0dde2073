/** The applications we know, each with how it chooses its database. A row = a test. */
import type { Application } from './application.ts';

export const applications: readonly Application[] = [
  {
    name: 'Gitea',
    images: ['gitea/gitea'],
    selectors: [{ by: 'value', names: ['GITEA__database__DB_TYPE', 'DB_TYPE'] }],
    byDefault: 'sqlite',
    files: ['/data/gitea/gitea.db', '/var/lib/gitea/data/gitea.db'],
    serverHint: 'GITEA__database__DB_TYPE=postgres with GITEA__database__HOST, __NAME, __USER',
    source: 'gitea: docker/root/etc/s6/gitea/setup, custom/conf/app.example.ini',
  },
  {
    name: 'Grafana',
    images: ['grafana/grafana', 'grafana/grafana-oss'],
    selectors: [
      { by: 'value', names: ['GF_DATABASE_TYPE', 'GF_DATABASE_URL'] },
      { by: 'file', path: '/grafana.ini', pattern: /^\[database\][^[]*?^type\s*=\s*(\S+)/ms },
    ],
    byDefault: 'sqlite',
    files: ['/var/lib/grafana/grafana.db'],
    serverHint: 'GF_DATABASE_TYPE=postgres with GF_DATABASE_HOST, _NAME, _USER',
    source: 'grafana: conf/defaults.ini',
  },
  {
    name: 'Vaultwarden',
    images: ['vaultwarden/server'],
    selectors: [{ by: 'value', names: ['DATABASE_URL'], otherwise: 'sqlite' }],
    byDefault: 'sqlite',
    files: ['/data/db.sqlite3'],
    serverHint: 'DATABASE_URL=postgresql://…',
    source: 'vaultwarden: .env.template',
  },
  {
    name: 'Home Assistant',
    images: ['home-assistant/home-assistant', 'homeassistant/*', '*/homeassistant'],
    selectors: [{ by: 'file', path: '/configuration.yaml', pattern: /^\s*db_url:\s*(\S+)/m }],
    byDefault: 'sqlite',
    files: ['/config/home-assistant_v2.db'],
    serverHint: 'recorder: db_url: postgresql://… in configuration.yaml',
    makersAdvice: 'SQLite is "the default, and recommended, database engine"',
    source: 'home-assistant.io/integrations/recorder',
  },
];
