/** What `parlour --help` says. */
export const USAGE = `Usage: parlour <command>

  serve                                     run the server until SIGTERM or SIGINT
  migrate                                   apply missing migrations
  user create NAME [--admin] [--email E] [--password-stdin]
  user password NAME [--password-stdin]     set a password, which ends all sessions
  user role NAME user|admin
  user disable NAME                         ends all sessions
  user enable NAME
  token NAME [--seconds N]                  a new session of that user, for scripts
  seed [--users 20] [--rooms 5] [--messages 1000] [--tokens FILE] [--force]
                                            people to try things with: user1, user2 …, password parlour-seed
  import FILE|-                             history from JSON lines {"room","sender","content","at"?,"id"?}
  restored                                  after restoring a backup: clients fetch anew
  doctor                                    check configuration, Postgres, Redis and this machine
  --help, --version

Results go to stdout, one JSON object a line; everything else to stderr.
Exit: 0 done, 1 failed, 2 wrong usage or configuration.
The environment is that of the server: DATABASE_URL, REDIS_URL, DATA_DIR, PORT and so on (docs/configuration.md).
Without DATABASE_URL a Postgres of its own runs in DATA_DIR (.data); commands use the one of a running server.`;
