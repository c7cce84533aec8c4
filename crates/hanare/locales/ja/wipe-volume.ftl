# ワークボリューム: ヘルプ、エラー、表示。

cmd-hanare-wipe-volume = ワークボリューム（このマシンで業務データを置いてよい場所）を扱う
    .example =
        hanare wipe volume create --kind dm-crypt --size 8G
        hanare wipe volume open
cmd-hanare-wipe-volume-create = ワークボリュームの種類を決め、場所を確保する
    .long = 種類は、dm-crypt（カーネルが暗号化するファイルまたはデバイス）、ram（メモリーだけ）、fscrypt（dm-crypt のないカーネル用）です。開くたびに新しい鍵が作られ、鍵はカーネルのメモリーの中にしか存在しません。
    .example =
        hanare wipe volume create --kind dm-crypt --size 8G
        hanare wipe volume create --kind dm-crypt --size 200G /dev/nvme0n1p4 --yes
        hanare wipe volume create --kind ram --size 512M --standalone
        hanare wipe volume create --policy office-endpoint.toml
    .kind = dm-crypt、ram、fscrypt のどれか
    .size = 大きさ（512M、8G など）
    .policy = 種類と大きさをポリシーに従って決める（ポリシーの種類のうち、このマシンで使える最初のもの）
    .backing = 新しいファイル、または内容が消えてもよいデバイス [省略時: 状態ディレクトリーの中のファイル]
    .yes = デバイスを上書きする前に確認しない
    .dry_run = 何を作るかを表示するだけで、変更しない
    .standalone = 参加していないマシンでも実行する
cmd-hanare-wipe-volume-open = 新しい鍵でボリュームを作り直し、使えるようにする
    .long = --confine を付けると、ロックするまでの間、/tmp、/var/tmp と作業用ホームもボリュームの上に置かれ、ディスク上のスワップは圧縮メモリーに置き換えられます。
    .example =
        hanare wipe volume open
        hanare wipe volume open --mount /srv/work --confine --home /home/work
        hanare wipe volume open --policy office-endpoint.toml --confine
    .mount = マウント先 [省略時: /srv/work]
    .policy = ポリシー（マウント先と、--confine を付けた場合に閉じ込めるもの）
    .confine = 一時ファイル、作業用ホーム、スワップを、ボリュームかメモリーの中に閉じ込める
    .home = ボリュームの上に置く作業用ホーム（繰り返し指定できる）
cmd-hanare-wipe-volume-lock = 鍵とボリュームの内容をすべて破棄する
    .long = ボリュームを使っているプロセスは終了させます。どこかでまだ読める場合、終了コードは 7 です。
    .example = hanare wipe volume lock --yes
    .yes = 確認せずに実行する
    .dry_run = 何が消えるかを表示するだけで、変更しない
cmd-hanare-wipe-volume-status = ボリュームが開いているか、場所、種類を表示する
    .example = hanare wipe volume status --json
cmd-hanare-wipe-run = 今すぐ一日を終える（鍵を破棄し、残りを消去し、検証して、消去記録を書く）
    .long = ポリシーを指定すると、ボリュームの終了後に、ポリシーで指定されたツリーも消去します。消去記録は 1 通にまとめ、判定はポリシーの要求に照らして行います。指定しなければ、ボリュームだけを終了します。
    .example =
        hanare wipe run --yes
        hanare wipe run --policy office-endpoint.toml --dry-run
        hanare wipe run --policy office-endpoint.toml --yes
    .policy = 従うポリシー
    .yes = 確認せずに実行する
    .dry_run = 何が消えるかを表示するだけで、変更しない
    .standalone = 参加していないマシンでも実行する

volume-created = ワークボリュームを開く準備ができました（{ $kind }、{ $size }）。
volume-not-open = ワークボリュームは開いていません。
volume-trees-owed = 消去が中断されており、対象がまだ残っています。続きを実行してください: hanare wipe resume
volume-ended = ワークボリュームの鍵は { $seconds } 秒で消えました。
volume-ended-partly = ワークボリュームの鍵は { $seconds } 秒で消えましたが、検証できなかったものがあります。
volume-readable = ワークボリュームはまだ読み取れる状態です。
volume-absent = 未作成
volume-locked = ロック中
volume-still-readable = 直前のワークボリュームの中身が、まだ読み出せます。マシンを再起動してください。
volume-open = 使用中
what-volume = ワークボリュームの中のすべて
what-policy = ポリシー { $name } が業務データとするものすべて
what-device = { $path } の中のすべて
swap-none = なし
swap-zram = 圧縮メモリー
swap-encrypted = 暗号化（鍵はカーネルの中だけ）
swap-plain = ディスクに平文で保存
label-mountpoint = マウント先
label-backing = 置き場所
label-confined = 閉じ込め
label-size = 大きさ
label-swap = スワップ
value-size = 大きさは、8G のように数字と K、M、G、T で指定します
value-volume-kind = 種類は dm-crypt、ram、fscrypt のどれかです

error-volume-no-kind = ポリシーで認められた種類（{ $kinds }）は、どれもこのマシンでは使えません。
    .cause = カーネルに dm-crypt や ext4 の暗号化がないか、暗号化されていないスワップがあります。
    .fix = モジュールを読み込むか、そのスワップを止めるか、ポリシーに別の種類を加えてください。
error-policy-no-volume = { $path } にはワークボリュームの指定がありません。
    .cause = ポリシーに [volume] がありません。
    .fix = [volume] に kinds と size を書くか、--kind と --size を指定してください。
error-volume-absent = ワークボリュームがありません。
    .cause = このマシンではまだ作られていません。
    .fix = 作成してください: hanare wipe volume create --kind dm-crypt --size 8G
error-volume-exists = 別のワークボリューム（{ $kind }）がすでにあります。
    .cause = ワークボリュームは 1 台に 1 つです。
    .fix = 確認してください: hanare wipe volume status
error-volume-open = ワークボリュームは { $path } で開いています。
    .cause = 同時に開けるのは 1 か所だけです。
    .fix = そこで使うか、先にロックしてください: hanare wipe volume lock
error-volume-open-without = ワークボリュームは { $mountpoint } で、--confine の条件を満たさないまま開いています。
    .cause = { $path } が閉じ込められていません。
    .fix = いったんロックし（hanare wipe volume lock）、--confine を付けて開き直してください。
error-volume-held = 別のプロセスがワークボリュームを開いているか、終了させている途中です。
    .cause = { $path } がロックされています。
    .fix = そのプロセスが終わるまで待ってください。
error-volume-swap-comes-back = ワークボリュームを開いている途中で、先にスワップの内容をメモリーへ戻しています。
    .cause = プロセス { $process } が処理中で（数分かかることがあります）、{ $path } をロックしています。終わるまで鍵は作られません。
    .fix = そのプロセスが終わるまで待ってください。
error-volume-too-small = { $size } バイトはワークボリュームには小さすぎます。
    .cause = 少なくとも 8 MiB が必要です。
    .fix = --size を大きくしてください。
error-volume-wants-backing = { $kind } のボリュームには、ファイルかデバイスが必要です。
    .cause = ディスクの上に置かれるためです。
    .fix = ファイルかデバイスを指定してください。
error-volume-in-memory = { $kind } のボリュームに、ファイルやデバイスは指定できません。
    .cause = メモリーの中に置かれるためです。
    .fix = ファイルの指定をやめるか、dm-crypt を選んでください。
error-volume-unfit = { $path } にワークボリュームは置けません。
    .cause = 新しいファイルの絶対パスか、十分な大きさのデバイスでなければなりません。
    .fix = まだ存在しないファイルか、別のデバイスを指定してください。
error-volume-in-use = { $path } は使用中です。
    .cause = マウント、マッピング、またはスワップに使われています。
    .fix = 先に使用をやめるか、別のデバイスを選んでください。
error-volume-still-readable = 直前のワークボリューム（{ $path }）の中身が、まだ読み出せます。
    .cause = 終了はしましたが、どこかのプロセスかマウントがそのファイルを保持しているため、鍵が残っています。
    .fix = マシンを再起動してください。鍵はそれで消えます。
error-volume-replaceable = { $path } はワークボリュームに使えません。
    .cause = { $above } は root 以外も変更できるため、別のものにすり替えられるおそれがあります。
    .fix = /srv/work のように、root だけが変更できるディレクトリーの下を指定してください。
error-volume-another-device = { $path } は、ワークボリュームを作成したデバイスではありません。
    .cause = そのボリュームの目印がありません。別のディスクが同じ名前になっているか、以前のバージョンで作成されています。
    .fix = 正しいディスクを接続してください。このディスクを使う場合は（中身は消えます）、状態ディレクトリーの wipe/volume.json を削除してから、/dev/disk/by-id の下の名前で hanare wipe volume create を実行してください。
error-volume-plain-swap = メモリーの内容が、平文でディスクに書かれるおそれがあります。
    .cause = ディスク上にスワップがあり、このカーネルはメモリー上のファイルをスワップから除外できません。
    .fix = そのスワップを止める（swapoff）、圧縮メモリーや使い捨て鍵のスワップにする、または dm-crypt を選んでください。
error-volume-mountpoint = { $path } はワークボリュームに使えません。
    .cause = シンボリックリンクを含まない、空のディレクトリーの絶対パスでなければなりません。
    .fix = --mount で別のディレクトリーを指定してください。
error-volume-unconfinable = { $path } をワークボリュームに閉じ込められません。
    .cause = ディレクトリーではないか、パスの途中にシンボリックリンクがあるか、hanare 自身の記録がそこにあります。
    .fix = 誰がリンクを作ったかを確かめ、本来の、または別のディレクトリーを指定してください。
error-volume-escapes = { $path } はワークボリュームの上にあるはずですが、そうなっていません。
    .cause = 途中で別のプログラムがマウントしたか、スワップを有効にしました。
    .fix = そのプログラムを調べてから、もう一度開いてください。
error-volume-replaced = ワークボリュームのマッピングが、作成時のものと違います。
    .cause = 別のプログラムがデバイスマッパーの設定を変えました。
    .fix = そのプログラムを調べてください。鍵が消えたかどうか判断できないため、マシンを再起動して確実に消してください。
error-volume-damaged = { $path } が壊れています。
    .cause = { $cause }
    .fix = 鍵が残らないようにマシンを再起動し、ファイルを削除してから、ボリュームを作り直してください。
error-volume-io = { $what }に失敗しました。
    .cause = { $cause }
    .fix = パス、権限、空き容量を確認してください。

skip-process-stays = ボリュームを使っていたプロセスが終了しませんでした
skip-device-stays = ボリュームのデバイスがまだ使用中です
skip-mounted-over = ボリュームの上に別のものがマウントされていたため、それ以降に書かれたものはボリュームの上にありません
skip-core-dumps = 異常終了したプログラムのメモリーが、ディスクに書かれる状態でした
skip-mounted-elsewhere = ボリュームが別の名前空間にまだマウントされています
skip-unmounted-lazily = アンマウントの時点で、ボリュームがまだ使用中でした
skip-nothing-reread = 読み直して確かめるものがありませんでした
skip-canaries-missing = 検証用データを置けなかったか、ありませんでした
skip-data-journal = 下のファイルシステムは内容の写しをジャーナルに残します
skip-raw-unreadable = ボリュームのブロックを読めませんでした
skip-tear-down = 終了処理の一部が失敗しました
skip-mapping-replaced = ボリュームのマッピングが置き換えられていたため、鍵が消えたかどうか判断できません
skip-late-shutdown = 一日の終わりの処理の前にマシンが停止したため、残りは送信も計数もされませんでした
skip-power-lost = 検証する前に電源が切れました
skip-still-readable = カーネルに鍵が残っているか、ファイルが開いたままです
skip-volume-kind = ワークボリュームの種類が、ポリシーで認められたものではありません
skip-volume-elsewhere = ワークボリュームは、ポリシーの指定とは別の場所で開かれていました（指定された場所は調べていません）
skip-volume-not-open = 未確認（ポリシーはワークボリュームを求めていますが、開いていませんでした）
skip-volume-not-named = ポリシーにないワークボリュームが、開いたままです
skip-not-confined = ポリシーでワークボリュームに置くことになっているのに、置かれていなかったディレクトリ
skip-escaped = ワークボリュームに閉じ込めたはずのものが外に出ていたか、スワップが暗号化されていませんでした
skip-plain-swap = メモリーの内容が、暗号化されないままディスクに書き出されるおそれがありました
skip-freed-memory = 解放したメモリーの消去が求められていますが、カーネルは init_on_free=1 で起動されていません
skip-dirty-memory = 書き込みを待つデータが、ポリシーで認められた量を超えていました
skip-method = ポリシーで認められていない方法が使われました
skip-over-time = ポリシーで認められた時間を超えました
skip-policy-unreadable = 中断された消去のポリシーをこのバージョンでは読めず、そこに挙げられたものは消去していません
skip-another-policy = 中断されていた消去を、そのときのポリシーで終えました（今回のポリシーには従っていません）
skip-tree-refused = 現状では消去できない、ポリシーのツリー（触れていません）
wipe-volume-would-go = ワークボリュームの中のすべてが消去されます。
error-nothing-to-wipe = 消去するものがありません。
    .cause = ワークボリュームが開いておらず、ポリシーが指すディレクトリーもありません。
    .fix = 朝にボリュームを開いてください: hanare wipe volume open
last-nothing = 開いているワークボリュームはありませんでした。
last-ended = マシンの停止時に、ワークボリュームがまだ開いていました。鍵は破棄されました。
last-ended-unrecorded = マシンの停止時に、ワークボリュームがまだ開いていました。鍵は破棄されましたが、記録できなかったため、次の起動では停電として扱われます。
last-readable = マシンの停止時に、ワークボリュームがまだ開いていました。電源が切れるまでは、まだ読み取れます。
