# コマンド全体と、本社側のコマンドのヘルプ。

cmd-hanare = 会社が本社の外に借りている部屋を WireGuard で本社とつなぎます
    .example =
        hanare hq init --company acme --endpoint hq.example.jp:51820
        hanare join invite.txt
        hanare status
    .lang = 表示する言語（ja または en）[省略時: LC_ALL、LC_MESSAGES、LANG に従う]
    .json = 文章の代わりに JSON 文書を 1 つ出力する
    .state = 鍵とデータを置くディレクトリ [省略時: /var/lib/hanare]
    .runtime = ソケットを置くディレクトリ [省略時: /run/hanare]
    .verbose = ログを詳しくする（2 回指定するとさらに詳しく）
    .quiet = データとエラー以外は表示しない
    .help = このヘルプを表示する
    .version = バージョンを表示する

cmd-hanare-hq = 本社サーバーの作成・実行・状態確認
    .example = hanare hq status

cmd-hanare-hq-init = このマシンを本社サーバーにする
    .long = 状態ディレクトリに鍵、アドレス計画、データベースを作ります。すでに状態がある場合は何も変更せずに終了します。
    .example = hanare hq init --company acme --endpoint hq.example.jp:51820 --network 192.168.10.0/24
    .company = 最初の会社の ID（会社も同時に登録される）
    .endpoint = 部屋から接続する WireGuard の宛先 HOST:PORT（複数ある場合は優先順にコンマ区切り）
    .overlay = 部屋に割り当てる IPv4 アドレス（/16）[省略時: 10.88.0.0/16]
    .overlay6 = 部屋に割り当てる IPv6 アドレス（/48）[省略時: fd00::/8 からランダムに選ぶ]
    .network = 部屋からトンネル経由で利用できるようにする、このサーバーの背後のネットワーク（繰り返し指定可）
    .dns = オフィスがトンネル経由で問い合わせるネームサーバー。本社自身のアドレス、--network 内のアドレス、または --internet via-hq なら任意のアドレス（複数指定可）
    .internet = 部屋からのインターネット接続: via-hq（本社経由）または none（なし）[省略時: none]

cmd-hanare-hq-serve = 本社サーバーを実行する（停止されるまで動き続ける）
    .example = hanare hq serve --listen 192.0.2.10:51820
    .listen = WireGuard の待ち受け（UDP）[省略時: 全アドレスの 51820 番]
    .api = 参加とリース更新の待ち受け（TCP）[省略時: 全アドレスの 51821 番]
    .interface = トンネルのインターフェース名 [省略時: hnhq0]

cmd-hanare-hq-status = 本社サーバーが通信を中継しているか、どこで接続を受け付けているかを表示する
    .long = 通信を中継している間だけ終了コードが 0 になります。
    .example = hanare hq status --json

cmd-hanare-hq-objects = 仕事のデータのオブジェクトの置き場所（このマシンのディスク、またはバケット）
    .example = hanare hq objects show

cmd-hanare-hq-objects-show = オブジェクトの置き場所、個数、そこに届くかどうかを表示する
    .long = バケットから応答がないか拒否された場合は、終了コードが 7 になります。
    .example = hanare hq objects show --json

cmd-hanare-hq-objects-move = 本社サーバーを止めている間に、オブジェクトを S3 サーバーのバケットへ移す、または戻す
    .long =
        オブジェクトを 1 つずつコピーし、読み戻して照合します。すべて済んでから、本社サーバーの参照先を切り替えます。途中で切れても、続きから始められます。オブジェクトは外へ出る前に暗号化されているため、サーバーに分かるのは大きさと時刻だけで、名前や内容は分かりません。

        FILE は TOML で書きます:

          version = 1
          endpoint = "https://s3.example.jp"
          region = "garage"
          bucket = "hanare-work"
          access_key_id = "GK…"
          prefix = "hq"           # 省略可: すべての名前の先頭に付くもの
          ca = "/etc/hanare/ca.pem"  # 省略可: サーバーを保証する認証局
          allow_http = true       # 省略可: ほかのマシンへ TLS なしでつなぐ

        シークレットキーは、状態ディレクトリの keys/bucket-secret（root だけが読める）か、systemd のクレデンシャル bucket-secret に置きます。このキーには、バケットの一覧と、その中の読み・書き・削除の権限が必要です。
    .example =
        hanare hq objects move --to bucket.toml
        hanare hq objects move --to-local
    .to = このファイルに書かれたバケットへ移す
    .to_local = このマシンのディスクへ戻す（バケットにあるものは残る）

cmd-hanare-hq-objects-clean = バケットへ移した後、このマシンのディスクに残ったオブジェクトを削除する
    .long = すべてがバケットにあることを確かめてから削除します。本社サーバーは動いたままでかまいません。
    .example = hanare hq objects clean --yes
    .yes = 確認せずに実行する
    .dry_run = 何が消えるかを表示するだけで、変更しない

cmd-hanare-company = 会社の管理（会社どうしの通信は分離される）
    .example = hanare company list

cmd-hanare-company-add = 会社を登録する
    .example = hanare company add globex --name "グローベックス株式会社"
    .id = 会社の ID（a-z、0-9、- が使える）
    .name = 正式名称

cmd-hanare-company-list = 会社の一覧を表示する
    .example = hanare company list

cmd-hanare-company-quota = 会社の全従業員の仕事（全部の版）が本社で使える合計容量を表示・設定する
    .long = 従業員ごとの上限と併せて働き、先に達した方が適用される。新しい上限を超えていても、すでにあるものは残る。入りきらない新しい仕事は PC に残り、`work status` が本人に知らせる。
    .example =
        hanare company quota globex 500G
        hanare company quota globex none
        hanare company quota globex
    .id = 会社の ID
    .size = 500G など。none で上限なし [省略時: 表示のみ]

cmd-hanare-company-remove = 部屋を持たない会社を削除する
    .example = hanare company remove globex --yes
    .id = 会社の ID
    .yes = 確認せずに実行する
    .dry_run = 何が消えるかを表示するだけで、変更しない

cmd-hanare-person = 従業員（仕事のデータの持ち主）の管理
    .example = hanare person list

cmd-hanare-person-add = 従業員を登録し、最初のパスワードと認証アプリの秘密鍵を表示する
    .long = どちらも表示されるのは今回だけです。パスワードは仮のもので、本人が初めて仕事を開く時に新しいものに変えます。同じ人をもう一度登録しても、何も変わりません。
    .example =
        hanare person add hanako --name "山田 花子" --qr
        hanare person add taro --company acme
    .id = 従業員の ID（a-z、0-9、- が使える）
    .company = 勤務先の会社の ID（会社が 2 つ以上ある場合に必要）
    .name = 氏名
    .qr = 認証アプリの秘密鍵を QR コードでも表示する

cmd-hanare-person-list = 従業員の一覧を、仕事を開いている端末やロックの状態とともに表示する
    .example = hanare person list --json

cmd-hanare-person-quota = 従業員の仕事（全部の版）が本社で使える容量を表示・設定する
    .long = すでにあるものは、新しい上限を超えていても残ります。入りきらない新しい仕事は PC に残り、従業員には `work status` で知らされます。
    .example =
        hanare person quota hanako 20G
        hanare person quota hanako none
        hanare person quota hanako
    .id = 従業員の ID
    .size = 20G など、または none [省略時: 表示のみ]

cmd-hanare-person-disable = 従業員を無効にする（すべての端末で直ちに終了し、元には戻せない）
    .example = hanare person disable hanako --successor taro --yes
    .id = 従業員の ID
    .successor = 仕事のデータを引き継ぐ、同じ会社の従業員の ID
    .yes = 確認せずに実行する
    .dry_run = 何が終わるかを表示するだけで、変更しない

cmd-hanare-person-reset = 仮のパスワードを新しく発行する（ロックと、開いている仕事も終了する）
    .example =
        hanare person reset hanako
        hanare person reset hanako --totp --qr
    .id = 従業員の ID
    .totp = 認証アプリの秘密鍵も新しくする（スマートフォンを紛失した場合など）
    .qr = その秘密鍵を QR コードでも表示する

cmd-hanare-office = サテライトオフィスの建物の管理
    .example = hanare office list

cmd-hanare-office-add = オフィスを登録する
    .example = hanare office add kofu --name "甲府サテライトオフィス" --site-key address "山梨県甲府市"
    .id = オフィスの ID（a-z、0-9、- が使える）
    .name = 正式名称
    .site_key = 監査で使う情報（項目名と値。繰り返し指定可）

cmd-hanare-office-list = オフィスの一覧を表示する
    .example = hanare office list

cmd-hanare-office-show = オフィスとその部屋を表示する
    .example = hanare office show kofu
    .id = オフィスの ID

cmd-hanare-office-remove = 部屋のないオフィスを削除する
    .example = hanare office remove kofu --yes
    .id = オフィスの ID
    .yes = 確認せずに実行する
    .dry_run = 何が消えるかを表示するだけで、変更しない

cmd-hanare-room = 部屋とそのアドレスの管理
    .example = hanare room list

cmd-hanare-room-add = 部屋を登録する（オフィスが未登録なら同時に登録する）
    .example = hanare room add kofu/306 --company acme
    .id = 部屋（オフィス/部屋 の形）
    .company = 部屋を借りている会社の ID
    .prefix = 部屋の IPv4 アドレス [省略時: アドレス計画の次の空き]

cmd-hanare-room-list = 部屋の一覧を表示する
    .example = hanare room list

cmd-hanare-room-show = 部屋とそのアドレス、ノードを表示する
    .example = hanare room show kofu/306
    .id = 部屋（オフィス/部屋 の形）

cmd-hanare-room-remove = ノードのない部屋を削除する
    .example = hanare room remove kofu/306 --yes
    .id = 部屋（オフィス/部屋 の形）
    .yes = 確認せずに実行する
    .dry_run = 何が消えるかを表示するだけで、変更しない

cmd-hanare-room-close = 部屋を引き払う（端末と鍵を終わらせ、署名付きの証明書を作る）
    .long = 部屋の端末で仕事が開かれている間、送信待ちの項目がある間、または、ないと分からない間は拒否されます（接続中の端末からの新しい報告だけを信用します）。接続中の端末が届けている項目は、20 秒まで待ちます。フォルダーには、署名付きの certificate.json（ssh-keygen -Y verify -n hanare-certificate で検証可能）、台帳のうちこの部屋に関する部分、検証用の公開鍵が入ります。受け取り済みの仕事は従業員のものとして残り、本社データベースのバックアップには及びません。引き払い済みの部屋には、同じ証明書を作り直します。
    .example =
        hanare room close kofu/306 --yes --out ./kofu-306-closed
        hanare room close kofu/306 --abandon-sealed --yes
    .id = 部屋（OFFICE/ROOM）
    .abandon_sealed = 端末で送信を待つ項目（または、あるかもしれない項目）をあきらめる
    .out = まだ存在しないフォルダー [省略時: closed-OFFICE-ROOM]
    .yes = 確認しない
    .dry_run = 対象を表示するだけ

cmd-hanare-invite = PC またはゲートウェイを 1 台だけ部屋に参加させる招待を作る
    .long = hanare1: で始まる 1 行を出力します。使えるのは 1 回だけで、期限があります。パスワードと同じように扱ってください。
    .example =
        hanare invite kofu/306 --kind endpoint --name pc-1 --expires 24h
        hanare invite kofu/306 --kind gateway --sheet --qr > sheet.txt
    .room = 部屋（オフィス/部屋 の形）
    .kind = endpoint（PC）または gateway（部屋のルーター）
    .name = ノードの名前 [省略時: ノード自身が決める]
    .expires = 招待の有効期間（30m、24h、7d など）[省略時: 24h]
    .qr = QR コードも表示する
    .sheet = 紙で渡す招待にする。参加の時に、電話で伝えるコードも尋ねる

cmd-hanare-node = PC、ゲートウェイ、スマートフォンの管理
    .example = hanare node list

cmd-hanare-node-list = ノードの一覧を表示する
    .example = hanare node list

cmd-hanare-node-show = ノードの詳細を表示する
    .example = hanare node show pc-1
    .name = ノードの名前

cmd-hanare-node-revoke = ノードを失効させ、二度と接続できないようにする
    .long = 通信は 2 秒以内に止まり、その鍵は二度と使えません。同じ機器をもう一度参加させるには、新しい招待を作ってください。封印した仕事が残っている間、または残っていないと分からない間は拒否されます。紛失・盗難の場合は、決して拒否されない `hanare node lost` を使ってください。
    .example = hanare node revoke pc-1 --reason "機器の交換" --yes
    .name = ノードの名前
    .reason = 理由（台帳とノードの画面に表示される）
    .abandon_sealed = 封印した仕事が残っていても失効させる（運んで取り込まない限り失われる）
    .yes = 確認せずに実行する
    .dry_run = 何が失効するかを表示するだけで、変更しない

cmd-hanare-node-end-day = エンドポイントでの一日の仕事を終わらせる
    .long = そこにいる人には、残り時間が表示されます。その後プログラムを閉じ、残りを本社へ送り、ワークボリュームを消します。誰の仕事も開いていなければ、終了コードは 1 です。
    .example = hanare node end-day pc-1 --reason "台風" --yes
    .name = ノードの名前
    .reason = 理由（台帳に残る）
    .yes = 確認しない
    .dry_run = 何が終わるかを示すだけで、何も変更しない
cmd-hanare-node-lost = 紛失・盗難の端末を失効させ、分かっていることを記録票にする
    .long = ほかに何が不明でも、まず端末を失効させます。記録票は、個人情報保護委員会への速報の項目に沿っています。事実だけを書き、不明なことは不明と書きます。ファイル名も判断も含みません。--out を付けると、日英両方の記録票と、本社の署名付きの事実（ssh-keygen -Y verify -n hanare-evidence で検証可能）を書き出します。
    .example =
        hanare node lost pc-1 --yes --out ./pc-1-lost
        hanare --json node lost pc-1 --yes
    .name = 端末の名前
    .out = まだ存在しないフォルダー（日英の記録票、事実、署名を書き出す）
    .yes = 確認しない
    .dry_run = 失効する対象を表示するだけ

cmd-hanare-node-receipts = 端末から届いた消去記録を、そのままの形で DIR に書き出す
    .long = 本社が知る端末の公開鍵 node.pub も書き出します。`hanare wipe receipt verify FILE --key node.pub` や `ssh-keygen -Y verify` で、どのマシンでも検証できます。
    .example = hanare node receipts pc-1 ./receipts-pc-1
    .name = 端末の名前
    .dir = まだ存在しないフォルダー

cmd-hanare-node-acknowledge = 端末の消去記録についての警報を、調査結果とともに確認済みにする
    .long = 届かなかった、偽造された、または前のものと矛盾する記録は、誰かが調べるまで警報のままです。失効した端末については、今後も分からないことも確認済みになります。
    .example = hanare node acknowledge pc-1 --reason "11 月 24 日にディスク交換（様式 117）"
    .name = 端末の名前
    .reason = 調査結果（台帳に残ります）

cmd-hanare-node-add = 公式の WireGuard アプリを使うスマートフォンや PC を追加する
    .long = 鍵は本社サーバーが作り、一度だけ表示します。秘密鍵は保存しません。
    .example = hanare node add kofu/306 --kind external --name phone-1 --qr
    .room = 部屋（オフィス/部屋 の形）
    .kind = external
    .name = ノードの名前
    .wg_quick = 設定を新しいファイル（モード 0600）に書き出す。- なら標準出力へ
    .qr = 設定をアプリ用の QR コードで表示する
    .dns = 設定に書く DNS サーバー（省略すると DNS の行を書かない）

cmd-hanare-policy = 会社・部屋・本社の間で許可する通信の管理
    .example = hanare policy show

cmd-hanare-policy-check = ポリシーファイルを検査する（何も変更しない）
    .example = hanare policy check policies/segmentation.example.toml
    .file = ポリシー（TOML）

cmd-hanare-policy-apply = ポリシーを直ちに適用する
    .example = hanare policy apply policies/segmentation.example.toml
    .file = ポリシー（TOML）

cmd-hanare-policy-show = 適用中のポリシーを表示する
    .example = hanare policy show

cmd-hanare-ledger = すべての出来事の署名付き記録（台帳）
    .example = hanare ledger list

cmd-hanare-ledger-list = 記録を古い順に表示する
    .example = hanare ledger list --since 2026-04-01T00:00:00Z
    .since = この時刻以降のみ（RFC 3339 形式）

cmd-hanare-ledger-verify = 台帳が改変されていないことを検証する
    .long = 別の経路で入手した鍵を指定しない場合、結果は「未確定」（終了コード 7）です。台帳を偽造する者は、中に書かれた鍵も偽造できるからです。
    .example = hanare ledger verify ledger.jsonl --key hq.pub
    .file = 書き出した台帳（署名は FILE.sig）[省略時: 実行中の本社サーバーの台帳]
    .key = 本社の公開鍵（`hanare hq status` に表示される ssh-ed25519 …）

cmd-hanare-ledger-export = 台帳を FILE に、署名を FILE.sig に書き出す
    .example = hanare ledger export ledger.jsonl
    .file = まだ存在しないファイル

cmd-hanare-handover = 本社が受け取った仕事のデータ
    .example = hanare handover status

cmd-hanare-handover-list = 部屋や端末から届いた最新のファイル、または従業員のファイルを、新しい順に表示する
    .long = ファイル名が表示されます。ファイル名が台帳に残ることはありません。
    .example =
        hanare handover list kofu/306
        hanare handover list pc-1 --at 2026-11-26T09:00:00Z
    .place = 部屋（OFFICE/ROOM）、端末、または従業員。同じ名前の端末と従業員がある場合は node:NAME または person:ID
    .at = この時刻の時点での内容 [省略時: 現在]

cmd-hanare-handover-deletions = 一度に大量だったため保留された削除を表示し、確定するか、ファイルを元に戻す
    .long = 10 分以内に従業員のファイルの 30 % を超える量が消えた場合、本人（`hanare work deletions`）か管理者が意図した削除だと認めるまで、何も削除しない。決定は台帳に記録され、30 秒以内に本人の PC に伝わる。
    .example =
        hanare handover deletions
        hanare handover deletions hanako --put-back
        hanare handover deletions hanako --confirm --yes
    .person = 誰のファイルか
    .confirm = 意図した削除として削除する（削除後も 90 日間は残る）
    .put_back = 意図しない削除として、本人の PC にファイルを戻す
    .yes = 確認せずに実行する
    .dry_run = 何が削除されるかを表示するだけで、変更しない

cmd-hanare-handover-get = 本社が受け取ったファイルを、理由を付けて DEST に取り出す
    .long = 取り出しは、理由と量（ファイル名は含みません）とともに台帳に残り、持ち主の従業員には次に仕事を開いた時に知らされます。DEST は存在しない場所を指定してください。従業員 1 人のファイル 1 つなら DEST がそのファイルになり、それ以外は DEST がフォルダーになります。部屋または端末を指定した場合は、その中に従業員ごとのフォルダーができます。
    .example =
        hanare handover get hanako ~/hanako --reason "本人の了承のうえ太郎へ引き継ぎ"
        hanare handover get hanako 見積/第1版.xlsx ./第1版.xlsx --at 2026-11-25T09:00:00Z --reason "本人からの依頼"
        hanare handover get kofu/306 /srv/kofu-306 --reason "退去のため"
    .place = 部屋（OFFICE/ROOM）、端末、または従業員。同じ名前の端末と従業員がある場合は node:NAME または person:ID
    .path = ファイル、またはフォルダー（中身もすべて）[省略時: 全部]
    .dest = 取り出し先（まだ存在しない場所）
    .reason = 理由。台帳に残り、持ち主も読みます。ファイル名は書かないでください
    .at = この時刻の時点での内容 [省略時: 現在]

cmd-hanare-handover-import = 手で運ばれてきた、封印した仕事を取り込む
    .long = `hanare wipe sealed export` が書き出したファイルを指定します。1 件ずつ、封印した端末の署名を確かめます。すでに本社にあるものは「受領済み」となり、何も変わりません。取り込めないものがあれば終了コードは 6 です。
    .example = hanare handover import /media/usb/*.sealed
    .files = 取り込むファイル

cmd-hanare-handover-status = 会社ごとに、受け取ったファイルの数と量を表示する
    .example = hanare handover status --json
