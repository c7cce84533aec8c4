# 部屋側のコマンドのヘルプ。

cmd-hanare-join = このマシンを部屋に参加させる
    .long = 鍵はこのマシンで作られ、外に出ることはありません。引数を省略すると、端末で招待の入力を求めます（招待は秘密なので、コマンドラインに直接書かないでください）。
    .example =
        hanare join invite.txt
        hanare join -
    .invite = 招待を書いたファイル。- なら標準入力 [省略時: 端末で入力]
    .name = このマシンの名前（招待で決まっていない場合）[省略時: ホスト名]

cmd-hanare-up = トンネルを実行する（停止されるまで動き続ける）
    .long = 最初に実行した時から、このマシンの通信はトンネルを通るものだけになります。トンネルが止まっても変わりません。元に戻せるのは `hanare leave` だけです。
    .example =
        hanare up
        hanare up --lan eth1
    .interface = トンネルのインターフェース名 [省略時: hn0]
    .lan = ゲートウェイの、部屋側のインターフェース
    .detach = トンネルが動き始めたら戻る

cmd-hanare-status = トンネルがつながっているか、つながっていなければ何が問題かを表示する
    .long = 終了コードは、接続中なら 0、不安定なら 7、それ以外は 1 です。
    .example = hanare status --watch
    .watch = 2 秒ごとに表示し直す

cmd-hanare-down = トンネルを止める（止めている間、このマシンは外部と通信できない）
    .example = hanare down

cmd-hanare-leave = 部屋から抜ける（鍵、リース、キルスイッチなど、すべての痕跡を消す）
    .example = hanare leave --yes
    .yes = 確認せずに実行する
    .dry_run = 何が消えるかを表示するだけで、変更しない

cmd-hanare-unlock = キルスイッチを一時的に解除する（記録が残る）
    .long = ホテルやオフィスのネットワークのログイン画面を開けるように、DNS と Web（TCP 80 番と 443 番）だけを通します。通信できるのは、システムのサービスと、`--` の後に指定してここから起動するプログラムだけです。ほかのプログラムは、解除中はトンネル経由の Web も使えません。すでに動いているブラウザーにページを渡すだけのものではなく、独立したウィンドウを開くブラウザーを指定してください。最長 30 分で自動的に閉じます。
    .example = hanare unlock --reason "オフィスのネットワークのログイン画面" --for 10m -- chromium --user-data-dir=/tmp/portal
    .reason = 理由（台帳に記録される）
    .duration = 解除する時間（90s、10m など。最長 30m）
    .all = すべてのプログラムの、すべての通信を通す（ポリシーが許す場合のみ）
    .program = 通信を許すプログラムとその引数

cmd-hanare-device = wg(8) で設定する、ユーザー空間の WireGuard インターフェース
    .long = boringtun-cli や wireguard-go の代わりに使えます。`hanare-device` という名前のリンクから起動しても同じ動作をします（wg-quick 用）。
    .example =
        hanare device wg0
        WG_QUICK_USERSPACE_IMPLEMENTATION=hanare-device wg-quick up wg0
    .foreground = バックグラウンドに移らない
    .interface = インターフェース名

cmd-hanare-work = このマシンでの従業員の仕事
    .example = hanare work status

cmd-hanare-work-open = 本社サーバーで本人確認をして、自分の仕事を開く
    .long = ID、パスワード、認証アプリのコードを尋ねます。パスワードとコードは表示されず、このマシンにも残りません。仮のパスワードは、その場で新しいものに変えます。このマシンで別の人が開いている仕事は閉じられます。また、同じ人が 3 台目で開くと、最初の 1 台が閉じられます。
    .example =
        hanare work open hanako
        hanare work open --stdin < /run/claim
    .person = 自分の ID [省略時: 尋ねる]
    .stdin = 標準入力から 3 行（ID、パスワード、コード）を読む。4 行目があれば新しいパスワード
    .alone = 本社につながらない間、本社なしで始める。空のボリュームが開き、作ったものは封印され、本社で本人確認を待つ

cmd-hanare-work-close = このマシンで開いている仕事を閉じる
    .long = 先に、残っている変更をすべて本社へ送ります。本社に届かなかったものはディスク上に封印し、終了コード 7 で閉じます。どちらもできないファイルがある場合や、それを確認するエージェントから応答がない場合は閉じません。
    .abandon = 本社に届かず封印もできないファイルがあっても、またはそれを確認できなくても閉じる
    .example = hanare work close

cmd-hanare-work-overtime = 終業時刻を延ばす
    .long = ポリシーが認める範囲で延ばします。本社の許可なしに延ばせるのは 1 日 1 回で、時間も短くなります。
    .time = 延ばす長さ（90m、2h など）
    .example = hanare work overtime --for 2h

cmd-hanare-work-pam = ログインや画面のロック解除をする人の仕事を開く（pam_exec の expose_authtok 用）
    .long =
        標準入力から 1 行を読みます。パスワードに続けて、認証アプリの 6 桁を入力したものです。従業員の ID は、ログインするアカウントの名前です。アカウントは消去ポリシーで指定したもので、root は使えません。仮のパスワードの場合は、仮のパスワード、新しいパスワード、もう一度新しいパスワード、コードを、空白を 1 つずつはさんで入力します。
        本社から応答がない間は、開いている仕事を始めた本人が、パスワードだけで戻れます（続けて 5 回間違えると、待ち時間がだんだん長くなります。コードはここでは確認できません）。仕事が開いていなければ、同じものを 2 回入力した人に空のボリュームが開き、作ったものは本人確認まで封印されます。エージェントから応答がなければ、誰もログインできません（終了コード 5）。
    .shared = 全員が 1 つのアカウントで作業する。パスワードの前に、従業員の ID と空白を入力する
    .never_alone = 本社なしでは仕事を始めさせない（始めた本人は、その仕事に戻れる）
    .example = auth requisite pam_exec.so expose_authtok stdout /usr/bin/hanare work pam

cmd-hanare-work-restore = ファイルやフォルダーを、本社にある状態、または指定した時点の状態で取り戻す
    .long = ここにあるファイルは置き換えない。同じ場所に別の内容があれば、古い版は、本社が受け取った時刻を名前に付けて、その隣に置かれる。本社には日ごとの版が 30 日分、その後は月ごとの版が残る。削除したファイルは 90 日間残る。
    .example =
        hanare work restore 見積/2026.xlsx --at 2026-11-25T09:00:00Z
        hanare work restore 見積
    .path = 仕事フォルダーから見たファイルまたはフォルダー [省略時: すべて]
    .at = 取り戻したい時点（例: 2026-11-25T09:00:00Z）[省略時: 本社にある今の状態]

cmd-hanare-work-deletions = 一度に大量だったため保留された削除を表示し、確定するか、ファイルを元に戻す
    .long = 10 分以内に 30 % を超えるファイルが消えた場合、本人か管理者が意図した削除だと認めるまで、本社では何も削除しない。誰も決めなければ、次に仕事を開いた時にファイルは戻る。
    .example =
        hanare work deletions
        hanare work deletions --put-back
        hanare work deletions --confirm --yes
    .confirm = 意図した削除として、本社でも削除する（削除後も 90 日間は残る）
    .put_back = 意図しない削除として、ファイルをここに戻す
    .yes = 確認せずに実行する
    .dry_run = 何が削除されるかを表示するだけで、変更しない

cmd-hanare-work-status = このマシンで誰の仕事が開いているかを表示する
    .long = 終了コードは、開いていれば 0、それ以外は 1 です。
    .example = hanare work status --json

cmd-hanare-wipe-agent = 従業員の仕事が開いている間、変更したファイルを本社へ送り続ける（常駐）
    .long =
        仕事が開かれると、本社にあるファイルを新しい順に戻し、それから変更を送ります。ここにあるファイルを置き換えることはありません。root で、`hanare up` と並べて実行してください。
        --policy を付けると、本人確認ができた人のためにワークボリュームを開き、一日の終わりも受け持ちます。終業時刻、ログアウト、シャットダウン、本社からの指示やノードの失効、指定した機器の取り外しがきっかけです。プログラムを閉じ、残りを本社へ送り、ボリュームの鍵を破棄し、消去記録を 1 件残します。
    .example =
        hanare wipe agent --policy /etc/hanare/wipe.toml
        hanare wipe agent --work /srv/work
    .policy = 消去ポリシーのファイル。なければ、ボリュームを開くことも消すこともしない
    .work = 仕事のファイルを置くディレクトリ [省略時: /srv/work]
    .reserve = 封印して本体のディスクに置いておける量 [省略時: 仕事のファイルシステムの 2 倍]
    .rate = 本社へ送る 1 秒あたりの最大量（例: 1M）。細い回線で通話の余地を残す [省略時: 回線が許すだけ]

cmd-hanare-wipe-sealed = このマシンで本社への配送を待つ、封印（暗号化）した仕事
    .example = hanare wipe sealed list

cmd-hanare-wipe-sealed-list = 封印して待っているものを一覧表示する
    .long = 中身はこのマシンにも分かりません。開けるのは本社だけです。
    .example = hanare wipe sealed list --json

cmd-hanare-wipe-sealed-deliver = 封印して待っているものを今すぐ本社へ届ける
    .long = 本社に接続できれば、常駐プログラムが自動で届けます。誰の仕事も開いている必要はありません。まだ残っていれば終了コードは 7 です。
    .example = hanare wipe sealed deliver

cmd-hanare-wipe-sealed-export = 封印したものを持ち出す（本社で `hanare handover import` を使って取り込む）
    .example = hanare wipe sealed export /media/usb
    .dir = 保存先のディレクトリ（USB メモリなど）
