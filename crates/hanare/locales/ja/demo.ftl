### `cargo xtask demo` が語ること。

demo-build = hanare をビルドしています。初回は数分かかります。
demo-build-failed = ビルドに失敗しました。理由は上に表示されています。
demo-missing = このマシンに必要なプログラムが足りません: { $programs }。次の 1 行を貼り付けて実行すると、インストールできます: { $line }
demo-failed = デモに失敗しました: { $why }
demo-stage = インターネット、2 つのオフィス（kofu、gujo）、携帯電話網、10 台のマシンを、専用の名前空間の中に用意しました。
demo-headquarters = IT 管理者が本社サーバーを立ち上げ、kofu に aoba 社の部屋を、gujo に midori 社の部屋を登録します。
demo-join = 5 台のマシンが、それぞれの招待で参加します。鍵は各マシンで作られ、外に出ることはありません。
demo-joined = { $node } が { $room } に参加しました。
demo-up = 全員がトンネルを開始します。これ以降、トンネル以外の通信はこれらのマシンから出られません。
demo-external = スマートフォンが、公式の WireGuard ツールで参加します。wg-quick の設定ファイルを、hanare とは別の実装の wireguard-go で動かします。
demo-guests = 各ゲートウェイの内側に、hanare を入れていないマシンがあります。その通信は、ゲートウェイがトンネルで運びます。
demo-ping = 全員から本社へ、本社から全員へ、IPv4 と IPv6 で ping を送ります。
demo-transfer = IPv4 と IPv6 で双方向にデータを送り、ダイジェストを照合します。
demo-isolation = aoba 社のマシンから midori 社の PC への接続を試みます。その PC は、同じ部屋からの接続には応答しています。
demo-handover = aoba 社の従業員が PC で自分の仕事を開きます。書いたファイルは、書いている間に本社へ届きます。
demo-wipe = 1 台の PC で一日が終わります。ワークボリュームに書かれたものを消去し、検証します。
demo-audit = PC を監査します。開いているべきでないポートを1つ開けてあり、監査で見つかるはずです。
demo-audit-report = 監査の報告書（ブラウザー用）: { $path }
demo-underlay = トンネルの外側で { $count } 個のパケットを捕捉しました。あってはならないパケットは { $other } 種類です。
demo-keep = すべて動いたままです。このシェルで `on マシン名 コマンド` と入力すると、そのマシンで実行できます（例: `on aoba-pc1 hanare status`）。マシン名: { $machines }。`exit` で終了します。
demo-good = すべて正常に動きました。動き続けているものはありません。
demo-bad = 正しくない結果があります。上の表示を確認してください。
