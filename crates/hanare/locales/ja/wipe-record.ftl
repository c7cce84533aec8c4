# 消去: 消去記録と計画。

cmd-hanare-wipe-receipt = 消去記録の一覧・内容・検証
    .example = hanare wipe receipt list
cmd-hanare-wipe-receipt-list = 消去記録を古い順に表示し、欠けや入れ替えがないか調べる
    .long = 1 件でも欠けている、入れ替わっている、または書き換えられていれば、終了コードは 1 です。最後の 1 件が消された場合も分かります。
    .example = hanare wipe receipt list --json
cmd-hanare-wipe-receipt-show = 消去記録 1 件の内容を表示する
    .long = 署名を確かめてから表示します。署名と合わない記録の内容は表示しません。
    .example = hanare wipe receipt show RECEIPT.json
    .file = 消去記録のファイル（署名は同じ場所の FILE.sig）
    .key = 記録したマシンの公開鍵のファイル [省略時: このマシンの鍵]
cmd-hanare-wipe-receipt-verify = 消去記録が署名されたときのままか、ネットワークなしで検証する
    .long =
        1 ビットでも違えば終了コードは 1 です。鍵がなければ、誰の記録か分からないため 7 で終わります。
        ssh-keygen でも検証できます（名前空間は hanare-receipt）。
    .example =
        hanare wipe receipt verify RECEIPT.json --key pc-1.pub
        ssh-keygen -Y verify -n hanare-receipt -f allowed_signers -I pc-1 -s RECEIPT.json.sig < RECEIPT.json
    .file = 消去記録のファイル（署名は同じ場所の FILE.sig）
    .key = 記録したマシンの公開鍵のファイル [省略時: このマシンの鍵]

cmd-hanare-wipe-plan = 何が消え、何がなぜ残るかを調べる（何も変更しない）
    .long = ポリシーのツリーを数え、ファイルシステムと装置から何を約束できるかを示します。ツリーの外で業務データが残りやすい場所（キャッシュ、ゴミ箱、印刷、ログ、コアダンプ、スワップ）も調べます。終了コードは、調べられないものや消去できないツリーがあれば 7 です。
    .example =
        hanare wipe plan --policy office-endpoint.toml
        hanare wipe plan --json
    .policy = 消去ポリシーのファイル [省略時: 場所とマシンだけを調べる]

error-wipe-policy = 消去ポリシーに誤りがあります: { $place }
    .cause = { $cause }
    .fix = その行と列を直してください。例は policies/wipe/ にあります。
error-receipt-key = { $path } は公開鍵として使えません。
    .cause = { $cause }
    .fix = `hanare wipe receipt list --json` の key にある「ssh-ed25519 AAAA…」の 1 行だけを書いたファイルを指定してください。
error-receipt-own-key = このマシンの、消去記録に署名する鍵が壊れています。
    .cause = { $path } に、base64 で書かれた 32 バイトの鍵がありません。
    .fix = バックアップから戻すか、ファイルを別の場所に移してください（新しい鍵で新しい記録が始まり、それまでの記録は古い公開鍵で検証できます）。
error-receipt-held = 消去記録に書き込めません。
    .cause = 別のプロセスが { $path } を 30 秒以上使っています。
    .fix = 進行中の消去が終わるのを待って、もう一度実行してください。

label-receipt-cause = きっかけ
label-receipt-verdict = 判定
label-receipt-files = ファイル数
label-receipt-size = サイズ
label-receipt-path = ファイル
label-receipt-started = 開始
label-receipt-ended = 終了
label-receipt-method = 方法
label-receipt-work-volume = ワークボリューム
label-receipt-volume-key = ボリュームの鍵
label-receipt-verified = 検証
label-receipt-left-out = 対象外
label-receipt-sealed = 封印済み
label-receipt-lost = 失われた版
label-receipt-absent = 存在しなかったツリー
label-receipt-interruptions = 中断の回数
label-receipt-policy = ポリシー
label-receipt-machine = マシン
label-receipt-boot = 起動 ID
label-receipt-tool = ツール

receipt-valid = 消去記録 { $number }（{ $at }、{ $verdict }）は、署名されたときのままです。
receipt-invalid = この消去記録は無効です: { $why }
receipt-needs-key = 署名は整っていますが、どのマシンのものか分かりません。--key で公開鍵を指定してください。
receipt-fault = 警告: { $fault }
receipt-other-keys = ほかに、このマシンの以前の鍵による記録が { $count } 組あります（--json に表示）。
receipt-verified = { $bytes } を読み直し、残存 { $remnants } 件
receipt-verified-sampled = { $bytes } を抜き取りで読み直し、残存 { $remnants } 件
receipt-key-destroyed = 消滅（{ $seconds } 秒）
receipt-key-alive = 残っている（{ $seconds } 秒後）
receipt-unsigned = 署名ファイル（FILE.sig）がありません。
receipt-form = 署名が消去記録の署名ではありません。
receipt-changed = 署名の後で書き換えられています。
receipt-signer = 別のマシンが署名しています。
receipt-content = 署名はありますが、消去記録ではないか、対応していない形式です。

chain-missing-one = 消去記録 { $number } がありません。
chain-missing = 消去記録 { $first }〜{ $last } がありません。
chain-refused = { $path }: { $why }
chain-misnamed = { $path } の中身は、名前と違う消去記録です。
chain-link = 消去記録 { $number } が前の記録とつながりません。
chain-strange = { $path } は消去記録ではありません。
chain-head = 最後の記録の番号を控えたファイルがないか、書き換えられています。
chain-old-head = 最後の記録の番号の控えが、古いものと入れ替えられています。
chain-recorded = 消去記録 { $number } は、それまでの記録が損なわれた状態で追加されました。

cause-command = コマンド
cause-shutdown = シャットダウン
cause-end-of-day = 終業
cause-log-out = ログアウト
cause-revoked = 失効
cause-headquarters = 本社の指示
cause-device-removed = 機器の取り外し
cause-power-lost = 電源断

verdict-pass = 合格
verdict-partial = 一部
verdict-fail = 不合格

method-clear = Clear（上書きと破棄）
method-cryptographic-erase = 暗号消去（認証されたモジュールではない）

label-plan-tree = ツリー
label-plan-fate = 結果
label-plan-fs = ファイルシステム
label-plan-why = 残るもの、確かめられないもの
label-plan-place = 場所
label-path-where = パス
label-plan-found = 中身
label-plan-cover = 消えるか
label-plan-swap = スワップ
label-plan-blanking = メモリの消去

plan-no-policy = ポリシーの指定がないため、業務データの場所が分かりません（--policy FILE）。
plan-volume = ワークボリューム: { $mount }（{ $kinds } のいずれか、{ $state }）
plan-volume-mounted = マウント中
plan-volume-absent = 未マウント
plan-keeps = 触れないもの: { $paths }
plan-goes = 消える
plan-goes-partly = 消える（判定は最良でも「一部」）
plan-absent = ない
plan-refused = 消去できない
plan-fs-discard = { $kind }（discard 可）
plan-found = あり
plan-not-found = なし
plan-unknown = 調べられない

place-temporary = 一時ファイル
place-memory = メモリー上のファイル
place-cache = キャッシュ
place-trash = ゴミ箱
place-recent = 最近使ったファイル
place-browser = ブラウザー
place-print-spool = 印刷
place-mail = ローカルのメール
place-schedule = 予定されたジョブ（cron、at）
place-journal = ログ
place-core-dump = コアダンプ

cover-tree = 消えるツリーの中
cover-volume = ボリュームの中
cover-confined = ボリュームに閉じ込め済み
cover-nothing = 残る

plan-swap-none = なし
plan-swap-zram = 圧縮メモリ
plan-swap-encrypted = 暗号化
plan-swap-plain = 平文でディスクに残る

blanking-on = 解放時に消去する（init_on_free=1）
blanking-off = 消去しない（init_on_free=0）
blanking-unsaid = 指定なし（通常は消去しない。起動パラメーターに init_on_free=1）

wipe-policy-name = 「{ $what }」は名前に使えません（使えるのは a-z、0-9、途中の -）。
wipe-policy-outside = { $what } は、許された場所（allowed）のどれの下にもありません。
wipe-policy-overlap = { $what } と { $other } が重なっています。
wipe-policy-kept = { $what } は、触れないもの（keep）の { $other } を含むか、その中にあります。
wipe-policy-off-volume = { $what } はボリューム上にありません。マウント先か confine のディレクトリ（/tmp、/var/tmp 以外）の中のパス、または / を含まない名前を書いてください。
wipe-policy-empty = リストが空です。
wipe-policy-twice = { $what } が 2 回書かれています。
wipe-policy-seconds = { $what } は使えません（1〜{ $most } 秒）。
wipe-policy-hours = { $what } 時間は使えません（1〜{ $most } 時間、残業は 0 から）。
wipe-policy-time = 「{ $what }」は時刻ではありません。「19:00」のように書いてください。
wipe-policy-date = 「{ $what }」は日付ではありません。「2027-01-01」のように書いてください。
wipe-policy-zone = このマシンは「{ $what }」というタイムゾーンを知りません。tzdata をインストールするか、「Asia/Tokyo」と書いてください。
wipe-policy-usb = 「{ $what }」は USB 機器の番号ではありません。lsusb の表示どおり「1d6b:0002」のように書いてください。
wipe-policy-user = 「{ $what }」は、従業員が作業に使うアカウントにはできません。
wipe-policy-nothing = ボリュームもツリーも書かれていないため、何も消えません。
wipe-path-empty = 空のパス「{ $what }」は書けません。
wipe-path-relative = { $what }: / で始まる絶対パスを書いてください。
wipe-path-dots = { $what }: 「.」や「..」は書けません。
wipe-path-control = { $what }: 制御文字は書けません。
wipe-path-system = { $what } はシステムの場所です。
wipe-path-mount-root = { $what } には、ほかのものがマウントされています。
