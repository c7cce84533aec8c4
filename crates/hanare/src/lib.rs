//! The command: one file per subcommand, the voice in Japanese and English, exit statuses.
