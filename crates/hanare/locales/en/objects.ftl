# Where the objects of work data are: on headquarters' disk, or in a bucket.

label-objects = Work data
label-objects-named = Objects
label-objects-lost = Lost of these
label-objects-kept = Still on the disk
objects-local = on this machine's disk
objects-counted = { $objects } ({ $size })
objects-on-the-way = { $objects } objects ({ $size }) are there
objects-moved = All { $objects } objects ({ $size }) were copied, and compared with what reads back. From its next start headquarters has them at: { $place }
objects-there = The objects are there already: { $place }
objects-kept = What is on the disk stays there until `hanare hq objects clean`.
objects-unreadable = { $objects } objects cannot be read where they are and were not copied: their files, or versions of them, are lost. Everything else was.
objects-cleaned = { $objects } objects ({ $size }) were removed from the disk.
what-objects = { $objects } objects ({ $size }) on this machine's disk, once the bucket is seen to have each of them
hq-bucket-trouble = { $bucket } – not since { $at }: { $cause } What comes waits in the rooms.

error-bucket-file = The file about the bucket cannot be used: { $place }
    .cause = { $cause }
    .fix = Mend that place. `hanare hq objects move --help` shows what belongs in it.
error-bucket-io = A file of the work data's place cannot be read or written.
    .cause = { $path }: { $cause }
    .fix = Run the command as root, and look at the disk.
error-bucket-secret = The secret key of the bucket is missing or cannot be used.
    .cause = { $cause }
    .fix = Put it, on one line, into { $path }, readable by root alone (`chmod 600`). Or give it to headquarters' unit as the credential `bucket-secret` (`LoadCredential=`), and run this command with the same one: `systemd-run --pipe -p LoadCredential=bucket-secret:FILE hanare …`.
error-bucket-ca = Nobody is known who vouches for the bucket's server.
    .cause = { $path }: { $cause }
    .fix = Install the package `ca-certificates`, or name a file with certificates in PEM as `ca = "/…"`.
error-bucket-unreachable = The bucket { $bucket } does not answer.
    .cause = { $cause }
    .fix = See that its server runs and that this machine reaches it. Until then new work waits in the rooms and nothing is lost; headquarters goes on by itself.
error-bucket-refused = The bucket { $bucket } says no.
    .cause = { $cause }
    .fix = Compare `access_key_id`, region, name and prefix of the bucket, the secret key and this machine's clock with what its server has. Until then new work waits in the rooms and nothing is lost.
error-way-out = The process that connects to the bucket has ended.
    .cause = Headquarters has confined itself and cannot start another one.
    .fix = Start `hanare hq serve` again; its unit does so by itself.
error-objects-here = The objects are on this machine's disk and nowhere else.
    .cause = No bucket is set.
    .fix = Move them first, with `hanare hq objects move --to FILE`.
error-objects-missing = Nothing was removed: { $missing } objects are on this machine's disk and not in the bucket.
    .cause = Somebody removed them there, or the bucket was put back from a copy.
    .fix = Stop headquarters and set `work/bucket.toml` in the state directory aside. Then run `hanare hq objects move --to` with that file: it copies what is missing.

bucket-says-no = Its server says no, or it is not this headquarters' bucket.
bucket-silent = Nobody answers, or not in time.
bucket-no-ca = There are no certificates in it that can be used.
bucket-secret-gone = The file is not there, nor is it given as the credential `bucket-secret`.
bucket-secret-bad = It does not hold a secret key on one line.
bucket-secret-open = Others than its owner may read the file.
bucket-endpoint = "{ $what }" is not an address of a server: write https://HOST or https://HOST:PORT.
bucket-plain = { $what } is not on this machine: without https everybody on the way reads who asks for what. Write https, or `allow_http = true` if that is meant.
bucket-name = "{ $what }" is not the name of a bucket: 3 to 63 of a-z, 0-9, - and ".".
bucket-prefix = "{ $what }" is not a prefix: words of letters, digits, -, _ and "." with / between them.
bucket-region = "{ $what }" is not a region: letters, digits, -, _ and ".".
bucket-key-id = This is not the id of an access key.
bucket-relative = "{ $what }" does not begin with a slash.
