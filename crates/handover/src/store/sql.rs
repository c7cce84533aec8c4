//! Every statement of the index, as a constant with `$n` parameters.

pub(super) const SELECT_SCHEMA: &str =
    "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'";
/// Run only if [`SELECT_SCHEMA`] says that the table is there.
pub(super) const SELECT_VERSION: &str =
    "SELECT coalesce(max(version), 0) FROM _sqlx_migrations WHERE success";
pub(super) const QUICK_CHECK: &str = "PRAGMA quick_check(1)";

pub(super) const PUT_COMPANY: &str = "INSERT INTO company (name) VALUES ($1) ON CONFLICT (name) DO NOTHING";
pub(super) const SELECT_COMPANY: &str = "SELECT id FROM company WHERE name = $1";
pub(super) const PUT_PERSON: &str =
    "INSERT INTO person (company, name) VALUES ($1, $2) ON CONFLICT (company, name) DO NOTHING";
pub(super) const SELECT_PERSON: &str = "SELECT id FROM person WHERE company = $1 AND name = $2";
/// What a company holds together is only added up where it has a limit.
pub(super) const SELECT_SPACE: &str = "SELECT o.quota, o.used, c.quota AS shared_quota, CASE WHEN c.quota IS NULL THEN 0 \
     ELSE (SELECT sum(p.used) FROM person p WHERE p.company = c.id) END AS shared_used \
     FROM person o JOIN company c ON c.id = o.company WHERE o.id = $1";
pub(super) const SELECT_COMPANY_SPACE: &str = "SELECT c.quota, coalesce((SELECT sum(p.used) FROM person p WHERE p.company = c.id), 0) AS used \
     FROM company c WHERE c.name = $1";
pub(super) const UPDATE_USED: &str = "UPDATE person SET used = used + $2 WHERE id = $1";
pub(super) const UPDATE_QUOTA: &str = "UPDATE person SET quota = $2 WHERE id = $1";
pub(super) const UPDATE_COMPANY_QUOTA: &str = "UPDATE company SET quota = $2 WHERE name = $1";

pub(super) const SELECT_HELD: &str = "SELECT c.id, c.len FROM chunk c JOIN held h ON h.chunk = c.id AND h.person = $1 \
     JOIN pack p ON p.id = c.pack WHERE c.company = $2 AND c.name = $3 AND NOT p.lost";
/// Over many at once: names and rows come as a JSON array, bytes in it as hex digits.
pub(super) const SELECT_HELDS: &str = "SELECT c.name, c.id, c.len FROM json_each($3) n \
     CROSS JOIN chunk c ON c.company = $2 AND c.name = unhex(n.value) \
     CROSS JOIN held h ON h.chunk = c.id AND h.person = $1 CROSS JOIN pack p ON p.id = c.pack WHERE NOT p.lost";
pub(super) const SELECT_CHUNKS: &str = "SELECT c.name FROM json_each($2) n \
     CROSS JOIN chunk c ON c.company = $1 AND c.name = unhex(n.value) CROSS JOIN pack p ON p.id = c.pack WHERE NOT p.lost";
pub(super) const PUT_PACK: &str =
    "INSERT INTO pack (company, object, bytes, at) VALUES ($1, $2, $3, $4) RETURNING id";
/// Two endpoints may send the same chunk at once: the first one's place stays, unless its object is not there.
pub(super) const PUT_CHUNKS: &str = "INSERT INTO chunk (company, name, pack, place, start, len) \
     SELECT $1, unhex(n.value ->> 0), $2, n.value ->> 1, n.value ->> 2, n.value ->> 3 FROM json_each($3) n WHERE TRUE \
     ON CONFLICT (company, name) DO UPDATE SET pack = CASE WHEN (SELECT lost FROM pack WHERE id = chunk.pack) THEN excluded.pack ELSE chunk.pack END, \
     place = CASE WHEN (SELECT lost FROM pack WHERE id = chunk.pack) THEN excluded.place ELSE chunk.place END, \
     start = CASE WHEN (SELECT lost FROM pack WHERE id = chunk.pack) THEN excluded.start ELSE chunk.start END, \
     len = CASE WHEN (SELECT lost FROM pack WHERE id = chunk.pack) THEN excluded.len ELSE chunk.len END";
pub(super) const PUT_HELDS: &str = "INSERT INTO held (person, chunk, at) SELECT $1, c.id, $3 FROM json_each($4) n \
     CROSS JOIN chunk c ON c.company = $2 AND c.name = unhex(n.value) CROSS JOIN pack p ON p.id = c.pack WHERE NOT p.lost \
     ON CONFLICT (person, chunk) DO UPDATE SET at = excluded.at";
pub(super) const LOCATE: &str = "SELECT p.object, c.place, c.start, c.len FROM chunk c \
     JOIN held h ON h.chunk = c.id AND h.person = $1 JOIN pack p ON p.id = c.pack WHERE c.company = $2 AND c.name = $3";

pub(super) const SELECT_FILE: &str = "SELECT f.id, v.id AS head, v.public, v.content, v.deleted, v.parent \
     FROM file f LEFT JOIN version v ON v.id = f.head WHERE f.person = $1 AND f.name = $2";
/// A second version of the same parent with this content that was put beside another one before.
pub(super) const SELECT_BESIDE: &str = "SELECT v.public, v.manifest FROM version v JOIN file f ON f.id = v.file \
     WHERE v.content = $2 AND f.person = $1 AND v.parent IS $3 AND v.node = $4 AND f.id <> $5 ORDER BY v.id DESC";
pub(super) const PUT_FILE: &str = "INSERT INTO file (person, name) VALUES ($1, $2) RETURNING id";
pub(super) const PUT_VERSION: &str = "INSERT INTO version (public, file, parent, at, node, class, deleted, size, content, manifest, moved) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id";
pub(super) const PUT_USED: &str = "INSERT INTO used (version, chunk) VALUES ($1, $2) ON CONFLICT DO NOTHING";
pub(super) const SELECT_FILES: &str = "SELECT f.id, f.name, v.id AS head, v.public, v.content, v.deleted FROM json_each($2) n \
     CROSS JOIN file f ON f.person = $1 AND f.name = unhex(n.value) LEFT JOIN version v ON v.id = f.head";
pub(super) const PUT_FILES: &str =
    "INSERT INTO file (person, name) SELECT $1, unhex(n.value) FROM json_each($2) n RETURNING id, name";
pub(super) const PUT_VERSIONS: &str = "INSERT INTO version (public, file, parent, at, node, class, deleted, size, content, manifest, moved) \
     SELECT unhex(n.value ->> 0), n.value ->> 1, unhex(n.value ->> 2), $2, $3, n.value ->> 3, n.value ->> 4, n.value ->> 5, \
     unhex(n.value ->> 6), unhex(n.value ->> 7), n.value ->> 8 FROM json_each($1) n ORDER BY n.key RETURNING id, public";
pub(super) const PUT_USEDS: &str = "INSERT INTO used (version, chunk) SELECT n.value ->> 0, n.value ->> 1 FROM json_each($1) n WHERE TRUE ON CONFLICT DO NOTHING";
pub(super) const UPDATE_HEADS: &str =
    "UPDATE file SET head = n.value ->> 1 FROM json_each($1) n WHERE file.id = n.value ->> 0";
pub(super) const UPDATE_HEAD: &str = "UPDATE file SET head = $2 WHERE id = $1";
pub(super) const COUNT_LIVE: &str =
    "SELECT count(*) FROM file f JOIN version v ON v.id = f.head WHERE f.person = $1 AND NOT v.deleted";
/// What has moved has not vanished.
pub(super) const COUNT_VANISHED: &str = "SELECT count(*) FROM version v JOIN file f ON f.id = v.file \
     WHERE f.person = $1 AND v.deleted AND NOT v.moved AND v.at > $2 AND f.head = v.id";

/// What was decided holds for the version that it was decided about.
pub(super) const PUT_VANISHING: &str = "INSERT INTO vanishing (file, version, node, at) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (file) DO UPDATE SET stays = vanishing.stays AND vanishing.version = excluded.version, \
     version = excluded.version, node = excluded.node, at = excluded.at RETURNING stays";
pub(super) const DELETE_VANISHING: &str = "DELETE FROM vanishing WHERE file = $1";
pub(super) const SELECT_VANISHING: &str = "SELECT c.name AS company, o.name AS person, x.node, count(*) AS files, max(x.at) AS at \
     FROM vanishing x JOIN file f ON f.id = x.file AND f.head = x.version JOIN person o ON o.id = f.person \
     JOIN company c ON c.id = o.company WHERE x.at > $1 AND NOT x.stays \
     GROUP BY o.id, x.node ORDER BY c.name, o.name, x.node";
pub(super) const SELECT_VANISHING_OF: &str = "SELECT x.file, x.node, v.public, v.manifest FROM vanishing x \
     JOIN file f ON f.id = x.file AND f.head = x.version JOIN version v ON v.id = x.version \
     WHERE f.person = $1 AND x.at > $2 AND NOT x.stays ORDER BY x.file";
pub(super) const UPDATE_VANISHING: &str = "UPDATE vanishing SET stays = TRUE WHERE file = $1";

pub(super) const BROWSE: &str = "SELECT v.id, v.public, v.parent, v.at, v.node, v.class, v.manifest FROM version v \
     JOIN file f ON f.id = v.file WHERE f.person = $1 AND f.head = v.id AND v.id < $2 AND (NOT v.deleted OR $3) \
     AND ($5 IS NULL OR v.class = $5) ORDER BY v.id DESC LIMIT $4";
/// The newest version of each file that was there at a time.
pub(super) const BROWSE_AT: &str = "SELECT v.id, v.public, v.parent, v.at, v.node, v.class, v.manifest FROM version v \
     JOIN file f ON f.id = v.file WHERE f.person = $1 AND v.id < $2 AND (NOT v.deleted OR $3) AND ($5 IS NULL OR v.class = $5) \
     AND v.id = (SELECT max(w.id) FROM version w WHERE w.file = v.file AND w.at <= $6) ORDER BY v.id DESC LIMIT $4";

pub(super) const BROWSE_NODE: &str = "SELECT v.id, v.public, v.parent, v.at, v.node, v.class, v.manifest, o.name AS person FROM version v \
     JOIN file f ON f.id = v.file JOIN person o ON o.id = f.person JOIN company c ON c.id = o.company \
     WHERE c.name = $1 AND v.node = $2 AND v.id < $3 AND NOT v.deleted \
     AND v.id = (SELECT max(w.id) FROM version w WHERE w.file = v.file AND w.at <= $4) ORDER BY v.id DESC LIMIT $5";
/// One version of a person's, by its public name.
pub(super) const SELECT_VERSION_OF: &str = "SELECT v.id, v.public, v.parent, v.at, v.node, v.class, v.manifest FROM version v \
     JOIN file f ON f.id = v.file WHERE f.person = $1 AND v.public = $2";
pub(super) const TOTALS: &str = "SELECT c.name, \
     (SELECT count(*) FROM person o WHERE o.company = c.id) AS persons, \
     (SELECT count(*) FROM file f JOIN person o ON o.id = f.person JOIN version v ON v.id = f.head \
        WHERE o.company = c.id AND NOT v.deleted) AS files, \
     (SELECT count(*) FROM version v JOIN file f ON f.id = v.file JOIN person o ON o.id = f.person \
        WHERE o.company = c.id) AS versions, \
     (SELECT coalesce(sum(o.used), 0) FROM person o WHERE o.company = c.id) AS used, \
     (SELECT coalesce(sum(p.bytes), 0) FROM pack p WHERE p.company = c.id) AS stored, \
     (SELECT max(v.at) FROM version v JOIN file f ON f.id = v.file JOIN person o ON o.id = f.person \
        WHERE o.company = c.id) AS latest \
     FROM company c ORDER BY c.name";

pub(super) const SELECT_NAMED: &str = "SELECT count(*) AS objects, coalesce(sum(bytes), 0) AS bytes, \
     (SELECT count(*) FROM pack WHERE lost) AS lost FROM pack";

pub(super) const SELECT_ITEM: &str = "SELECT s.version, c.name AS company FROM sealed s \
     JOIN person o ON o.id = s.person JOIN company c ON c.id = o.company WHERE s.item = $1";
pub(super) const PUT_ITEM: &str = "INSERT INTO sealed (item, person, node, bytes, at, version) VALUES ($1, $2, $3, $4, $5, $6) \
     ON CONFLICT (item) DO UPDATE SET version = excluded.version WHERE sealed.version IS NULL";
pub(super) const SELECT_QUARANTINED: &str =
    "SELECT item, node, at FROM sealed WHERE person = $1 AND version IS NULL ORDER BY id";
pub(super) const COUNT_QUARANTINED: &str = "SELECT c.name, count(*) AS items FROM sealed s \
     JOIN person o ON o.id = s.person JOIN company c ON c.id = o.company WHERE s.version IS NULL GROUP BY c.name";
pub(super) const SELECT_QUARANTINES: &str = "SELECT c.name AS company, s.node, count(*) AS items, sum(s.bytes) AS bytes FROM sealed s \
     JOIN person o ON o.id = s.person JOIN company c ON c.id = o.company WHERE s.version IS NULL GROUP BY c.name, s.node";
pub(super) const PUT_WAITING: &str = "INSERT INTO waiting (company, node, items, bytes, at) VALUES ($1, $2, $3, $4, $5) \
     ON CONFLICT (company, node) DO UPDATE SET items = excluded.items, bytes = excluded.bytes, at = excluded.at";
pub(super) const SELECT_WAITING: &str =
    "SELECT company, node, items, bytes, at FROM waiting ORDER BY company, node";

/// Files with a version that is not what is at their path, or deleted ones.
pub(super) const SELECT_OUTGROWN: &str = "SELECT f.id FROM file f WHERE f.id > $1 AND \
     (EXISTS (SELECT 1 FROM version v WHERE v.file = f.id AND v.id <> f.head) \
      OR EXISTS (SELECT 1 FROM version v WHERE v.id = f.head AND v.deleted)) ORDER BY f.id LIMIT $2";
pub(super) const SELECT_VERSIONS: &str = "SELECT id, at, deleted FROM version WHERE file = $1 ORDER BY id";
pub(super) const UPDATE_NO_HEAD: &str = "UPDATE file SET head = NULL WHERE id = $1";
pub(super) const DELETE_USED: &str = "DELETE FROM used WHERE version = $1";
/// Before its version goes.
pub(super) const UPDATE_LESS_USED: &str = "UPDATE person SET used = used - (SELECT size FROM version WHERE id = $1) \
     WHERE id = (SELECT f.person FROM file f JOIN version v ON v.file = f.id WHERE v.id = $1)";
pub(super) const DELETE_VERSION: &str = "DELETE FROM version WHERE id = $1";
pub(super) const DELETE_FILE: &str = "DELETE FROM file WHERE id = $1";
pub(super) const SELECT_UNNAMED: &str = "SELECT c.id FROM chunk c WHERE c.id > $1 \
     AND NOT EXISTS (SELECT 1 FROM used u WHERE u.chunk = c.id) \
     AND NOT EXISTS (SELECT 1 FROM held h WHERE h.chunk = c.id AND h.at > $2) ORDER BY c.id LIMIT $3";
pub(super) const SELECT_STILL_UNNAMED: &str = "SELECT c.pack FROM chunk c WHERE c.id = $1 \
     AND NOT EXISTS (SELECT 1 FROM used u WHERE u.chunk = c.id) \
     AND NOT EXISTS (SELECT 1 FROM held h WHERE h.chunk = c.id AND h.at > $2)";
pub(super) const DELETE_HELD: &str = "DELETE FROM held WHERE chunk = $1";
pub(super) const DELETE_CHUNK: &str = "DELETE FROM chunk WHERE id = $1";
/// An object that holds no chunk any more is noted before its row goes.
pub(super) const PUT_FORGOTTEN: &str = "INSERT INTO forgotten (object, bytes) SELECT p.object, p.bytes FROM pack p WHERE p.id = $1 \
     AND NOT EXISTS (SELECT 1 FROM chunk c WHERE c.pack = p.id) RETURNING bytes";
pub(super) const DELETE_PACK: &str = "DELETE FROM pack WHERE id = $1";
pub(super) const SELECT_OBJECTS: &str = "SELECT object FROM pack WHERE object BETWEEN $1 AND $2";
pub(super) const PUT_ORPHAN: &str = "INSERT INTO forgotten (object, bytes) SELECT $1, 0 \
     WHERE NOT EXISTS (SELECT 1 FROM pack p WHERE p.object = $1) ON CONFLICT (object) DO NOTHING";
pub(super) const SELECT_FORGOTTEN: &str = "SELECT object FROM forgotten ORDER BY object LIMIT $1";
pub(super) const DELETE_FORGOTTEN: &str = "DELETE FROM forgotten WHERE object = $1";

pub(super) const SELECT_NEWEST_MARK: &str = "SELECT id, name FROM mark ORDER BY id DESC LIMIT 1";
pub(super) const SELECT_MARK: &str = "SELECT id, name FROM mark WHERE id = $1";
pub(super) const SELECT_OLDEST_MARK: &str = "SELECT min(id) FROM mark";
pub(super) const PUT_MARK: &str = "INSERT INTO mark (name) VALUES ($1) RETURNING id";
pub(super) const DELETE_MARKS: &str = "DELETE FROM mark WHERE id <= $1";
/// The mark up to which what was acknowledged may lie in objects that are not there. Not what an endpoint has said of it.
pub(super) const SELECT_LOST_MARK: &str =
    "SELECT max(mark) FROM put_back WHERE kind = 'objects' AND node = ''";
pub(super) const SELECT_PUT_BACK_TO: &str = "SELECT max(version) FROM put_back WHERE kind = 'index'";
pub(super) const SELECT_PUT_BACKS: &str = "SELECT kind, company, node, at FROM put_back ORDER BY id DESC";
pub(super) const PUT_PUT_BACK: &str = "INSERT INTO put_back (kind, company, node, at, mark, version) VALUES ($1, $2, $3, $4, $5, $6) \
     ON CONFLICT (kind, company, node, version) DO NOTHING";
pub(super) const PUT_LOST: &str = "INSERT INTO put_back (kind, company, node, at, mark, version) VALUES ($1, $2, $3, $4, $5, $6) \
     ON CONFLICT (kind, company, node, version) DO UPDATE SET at = excluded.at, mark = excluded.mark";
pub(super) const SELECT_PUBLIC: &str = "SELECT id FROM version WHERE public = $1";
pub(super) const SELECT_NEWEST_VERSION: &str = "SELECT coalesce(max(id), 0) AS version FROM version";
/// A version of a company, if all that is in it is there.
pub(super) const SELECT_WHOLE: &str = "SELECT v.id FROM version v JOIN file f ON f.id = v.file JOIN person o ON o.id = f.person \
     JOIN company c ON c.id = o.company WHERE v.public = $1 AND c.name = $2 AND NOT EXISTS (SELECT 1 FROM used u \
     JOIN chunk k ON k.id = u.chunk JOIN pack p ON p.id = k.pack WHERE u.version = v.id AND p.lost)";
pub(super) const COUNT_NOT_THERE: &str = "SELECT count(*) FROM used u JOIN chunk k ON k.id = u.chunk \
     JOIN pack p ON p.id = k.pack WHERE u.version = $1 AND p.lost";
pub(super) const SELECT_NEWEST_OBJECT: &str =
    "SELECT object FROM pack WHERE NOT lost ORDER BY id DESC LIMIT 1";
pub(super) const SELECT_WANTED_OBJECTS: &str =
    "SELECT object FROM pack WHERE object BETWEEN $1 AND $2 AND NOT lost";
pub(super) const UPDATE_LOST: &str = "UPDATE pack SET lost = TRUE WHERE object = $1 AND NOT lost";
pub(super) const UPDATE_FOUND: &str = "UPDATE pack SET lost = FALSE WHERE object = $1 AND lost";

/// All of them, for the test that prepares each.
#[cfg(test)]
pub(super) const ALL: [&str; 85] = [
    SELECT_QUARANTINES,
    SELECT_NEWEST_MARK,
    SELECT_MARK,
    SELECT_OLDEST_MARK,
    PUT_MARK,
    DELETE_MARKS,
    SELECT_LOST_MARK,
    SELECT_PUT_BACK_TO,
    SELECT_PUT_BACKS,
    PUT_PUT_BACK,
    PUT_LOST,
    SELECT_PUBLIC,
    SELECT_NEWEST_VERSION,
    SELECT_WHOLE,
    COUNT_NOT_THERE,
    SELECT_NEWEST_OBJECT,
    SELECT_WANTED_OBJECTS,
    UPDATE_LOST,
    UPDATE_FOUND,
    SELECT_OBJECTS,
    PUT_ORPHAN,
    SELECT_OUTGROWN,
    SELECT_VERSIONS,
    UPDATE_NO_HEAD,
    DELETE_USED,
    UPDATE_LESS_USED,
    DELETE_VERSION,
    DELETE_FILE,
    SELECT_UNNAMED,
    SELECT_STILL_UNNAMED,
    DELETE_HELD,
    DELETE_CHUNK,
    PUT_FORGOTTEN,
    DELETE_PACK,
    SELECT_FORGOTTEN,
    DELETE_FORGOTTEN,
    QUICK_CHECK,
    PUT_COMPANY,
    SELECT_COMPANY,
    PUT_PERSON,
    SELECT_PERSON,
    SELECT_SPACE,
    SELECT_COMPANY_SPACE,
    UPDATE_COMPANY_QUOTA,
    UPDATE_USED,
    UPDATE_QUOTA,
    SELECT_HELD,
    SELECT_HELDS,
    SELECT_CHUNKS,
    PUT_PACK,
    PUT_CHUNKS,
    PUT_HELDS,
    SELECT_FILES,
    PUT_FILES,
    PUT_VERSIONS,
    PUT_USEDS,
    UPDATE_HEADS,
    LOCATE,
    SELECT_FILE,
    SELECT_BESIDE,
    PUT_FILE,
    PUT_VERSION,
    PUT_USED,
    UPDATE_HEAD,
    COUNT_LIVE,
    COUNT_VANISHED,
    PUT_VANISHING,
    DELETE_VANISHING,
    SELECT_VANISHING,
    SELECT_VANISHING_OF,
    UPDATE_VANISHING,
    BROWSE,
    BROWSE_AT,
    BROWSE_NODE,
    SELECT_VERSION_OF,
    TOTALS,
    SELECT_NAMED,
    SELECT_ITEM,
    PUT_ITEM,
    SELECT_QUARANTINED,
    COUNT_QUARANTINED,
    PUT_WAITING,
    SELECT_WAITING,
    SELECT_SCHEMA,
    SELECT_VERSION,
];
