# 仕事のデータのオブジェクトの置き場所: 本社サーバーのディスク、またはバケット。

label-objects = 仕事のデータ
label-objects-named = オブジェクト
label-objects-lost = うち失われたもの
label-objects-kept = ディスクに残っているもの
objects-local = このマシンのディスク
objects-counted = { $objects } 個（{ $size }）
objects-on-the-way = { $objects } 個（{ $size }）まで移りました
objects-moved = { $objects } 個（{ $size }）のオブジェクトをすべてコピーし、読み戻して照合しました。本社サーバーは次の起動からこちらを使います: { $place }
objects-there = オブジェクトはすでにそこにあります: { $place }
objects-kept = ディスクにあるものは `hanare hq objects clean` を実行するまで残ります。
objects-unreadable = { $objects } 個のオブジェクトは元の場所で読めず、コピーできませんでした。そのファイル、またはその版は失われています。ほかはすべてコピーしました。
objects-cleaned = { $objects } 個（{ $size }）のオブジェクトをディスクから削除しました。
what-objects = このマシンのディスクにある { $objects } 個（{ $size }）のオブジェクト（バケットに同じものがあることを確かめてから消します）
hq-bucket-trouble = { $bucket } – { $at } から使えません: { $cause } 届くはずのものは部屋で待っています。

error-bucket-file = バケットの設定ファイルを使えません: { $place }
    .cause = { $cause }
    .fix = その箇所を直してください。書き方は `hanare hq objects move --help` にあります。
error-bucket-io = 仕事のデータの置き場所のファイルを読み書きできません。
    .cause = { $path }: { $cause }
    .fix = root で実行し、ディスクを確認してください。
error-bucket-secret = バケットのシークレットキーがないか、使えません。
    .cause = { $cause }
    .fix = { $path } に 1 行で書き、root だけが読めるようにしてください（`chmod 600`）。または、本社サーバーのユニットにクレデンシャル `bucket-secret` として渡し（`LoadCredential=`）、このコマンドも同じものを渡して実行してください: `systemd-run --pipe -p LoadCredential=bucket-secret:FILE hanare …`
error-bucket-ca = バケットのサーバーを保証する認証局が分かりません。
    .cause = { $path }: { $cause }
    .fix = `ca-certificates` パッケージをインストールするか、PEM 形式の証明書のファイルを `ca = "/…"` で指定してください。
error-bucket-unreachable = バケット { $bucket } から応答がありません。
    .cause = { $cause }
    .fix = サーバーが動いていて、このマシンから届くことを確認してください。それまで新しい仕事は部屋で待ち、何も失われません。本社サーバーは自動的に再開します。
error-bucket-refused = バケット { $bucket } に拒否されました。
    .cause = { $cause }
    .fix = `access_key_id`、バケットのリージョン・名前・プレフィックス、シークレットキー、このマシンの時計を、サーバー側の設定と見比べてください。それまで新しい仕事は部屋で待ち、何も失われません。
error-way-out = バケットへの接続を受け持つプロセスが終了しました。
    .cause = 本社サーバーは自身を封じ込めているため、代わりを起動できません。
    .fix = `hanare hq serve` をもう一度起動してください（ユニットは自動的に起動し直します）。
error-objects-here = オブジェクトはこのマシンのディスクにしかありません。
    .cause = バケットが設定されていません。
    .fix = 先に `hanare hq objects move --to FILE` で移してください。
error-objects-missing = 何も削除していません: { $missing } 個のオブジェクトが、このマシンのディスクにあってバケットにありません。
    .cause = バケット側で削除されたか、バケットが古いコピーに戻されました。
    .fix = 本社サーバーを止め、状態ディレクトリの `work/bucket.toml` を別の場所へ移し、そのファイルを指定して `hanare hq objects move --to` を実行してください。足りないものがコピーされます。

bucket-says-no = サーバーに拒否されたか、この本社サーバーのバケットではありません。
bucket-silent = 応答がないか、時間内に届きません。
bucket-no-ca = 使える証明書が入っていません。
bucket-secret-gone = ファイルがなく、クレデンシャル `bucket-secret` も渡されていません。
bucket-secret-bad = シークレットキーが 1 行で書かれていません。
bucket-secret-open = 所有者以外もこのファイルを読めます。
bucket-endpoint = 「{ $what }」はサーバーのアドレスではありません。`https://HOST` または `https://HOST:PORT` と書いてください。
bucket-plain = { $what } はこのマシンではありません。`https` でなければ、途中の誰もが誰が何を求めたかを読めます。`https` と書くか、意図したものであれば `allow_http = true` と書いてください。
bucket-name = 「{ $what }」はバケットの名前ではありません。a-z、0-9、-、「.」で 3～63 文字です。
bucket-prefix = 「{ $what }」はプレフィックスではありません。英数字と -、_、「.」の語を / で区切って書いてください。
bucket-region = 「{ $what }」はリージョンではありません。英数字と -、_、「.」で書いてください。
bucket-key-id = アクセスキーの ID ではありません。
bucket-relative = 「{ $what }」がスラッシュで始まっていません。
