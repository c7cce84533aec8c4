### `cargo xtask demo` が語ること。

demo-build = hanare をビルドしています。初回は数分かかります。
demo-build-failed = ビルドに失敗しました。理由は上に表示されています。
demo-missing = この機械に足りないもの: { $programs }。次の一行を貼り付けて導入してください: { $line }
demo-failed = うまくいきませんでした: { $why }
demo-stage = インターネット、二つの拠点(kofu、gujo)、携帯網と八台の機械を、専用の名前空間の中に用意しました。
demo-headquarters = 情シス担当者が本部を開き、kofu に aoba 社の部屋、gujo に midori 社の部屋を設けます。
demo-join = 五台の機械が、それぞれの招待で加入します。鍵は各機械で作られ、外に出ることはありません。
demo-joined = { $node } が { $room } に加入しました。
demo-up = 全員がトンネルを開始します。これ以降、ほかの通信はこれらの機械から出られません。
demo-external = スマートフォンが公式の道具で加わります。wg-quick のファイルを wireguard-go が動かします。
demo-ping = 全員が本部へ、本部が全員へ、IPv4 と IPv6 で ping を送ります。
demo-transfer = IPv4 と IPv6 で双方向にファイルを送り、ダイジェストを照合します。
demo-isolation = aoba 社が midori 社の PC への接続を試みます。その PC は同じ部屋からの問いには答えています。
demo-underlay = トンネルの外で { $count } 個のパケットを捕捉しました。あってはならない種類は { $other } です。
demo-keep = すべて動いたままです。このシェルで `on 機械 コマンド` と打つと、その機械で実行できます(例: `on aoba-pc1 hanare status`)。機械: { $machines }。`exit` で終了します。
demo-good = すべて正常に動き、何も残していません。
demo-bad = 正しくない結果があります。上を見てください。
