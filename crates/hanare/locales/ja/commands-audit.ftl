# 監査のヘルプ。

cmd-hanare-audit = オフィスの対策を点検し、第三者が検証できる報告書にする
    .long = 公開資料に基づく自己点検で、認証ではありません。調べていない項目は「不明」になり、不明があれば 0 では終わりません。
    .example = hanare audit run
cmd-hanare-audit-run = 点検して、良いもの、悪いもの、分からないものを示す
    .long =
        --view を付けなければ、すべての視点の項目を示します。ここから調べるのは endpoint だけです。root でなければ読めない事実もあります。
        対象の項目がすべて良好なら 0、不合格があれば 1、それ以外は 7 で終わります。
    .example =
        hanare audit run --view endpoint
        hanare audit run --only DEV-01,DEV-09
        hanare audit run --out report --sign auditor_key
    .checklist = チェックリストのファイル［省略時: 内蔵のサテライトオフィス用］
    .site = オフィスのサイトファイル（担当者、承認したリゾルバーなど。例: policies/site.example.toml）
    .accept_waivers = 例外とした項目も良好とみなして終了ステータスを決める
    .view = 視点: endpoint、gateway、hq［省略時: すべて示し、endpoint から調べる］
    .root = このマシンではなく、マウントしたイメージなど、指定したディレクトリ以下のファイルを調べる
    .facts = `hanare audit facts` で書き出した事実を判定する（視点ごとに1ファイル）
    .only = 指定した項目だけ
    .passive = 何も送信しない（このバージョンは、もともと何も送信しません）
    .at = この日時の時点で判定する［省略時: 事実の日時］
    .out = 報告書を書き込むディレクトリ
    .format = 書き込む形式: json、html、sarif、junit、csv、oscal［省略時: json］
    .sign = OpenSSH の Ed25519 秘密鍵。report.json.sig を書き込む（ssh-keygen でも検証可能、名前空間は hanare-report）
cmd-hanare-audit-facts = 調べるだけで判定せず、事実を JSON で出力する
    .long = /proc、/sys、ファイルを読むだけで、プロセスの起動、送信、変更はしません。パスワード、そのハッシュ値、個人の名前は含みません。
    .example = hanare audit facts > facts.json
    .view = 視点: endpoint、gateway、hq［省略時: endpoint］
    .root = このマシンではなく、指定したディレクトリ以下のファイルを調べる
cmd-hanare-audit-list = チェックリストの項目を一覧にする
    .example = hanare audit list
    .checklist = チェックリストのファイル［省略時: 内蔵のサテライトオフィス用］
cmd-hanare-audit-explain = 項目の内容、根拠、確認方法を説明する
    .example = hanare audit explain DEV-01
    .id = 項目の ID（DEV-01 など）
    .checklist = チェックリストのファイル［省略時: 内蔵のサテライトオフィス用］
cmd-hanare-audit-verify = 報告書が署名されたときのままか、オフラインで確かめる
    .long =
        1 バイトでも変わっていれば 1、--not-before より古ければ 7 で終わります。
        ssh-keygen でも検証できます（名前空間は hanare-report）。
    .example =
        hanare audit verify report/report.json --key auditor_key.pub
        ssh-keygen -Y verify -n hanare-report -f allowed_signers -I auditor -s report.json.sig < report.json
    .report = 報告書のファイル（署名は、隣の REPORT.sig）
    .key = 署名者の公開鍵のファイル
    .head = 以前の報告書のハッシュ値。同じ報告書か、それを以前のものとして含む報告書でなければならない
    .not_before = これより古い報告書は認めない
cmd-hanare-audit-checklist = チェックリストのファイルを扱う
    .example = hanare audit checklist check acme.toml
cmd-hanare-audit-checklist-check = チェックリストが使えるか確かめ、誤りがあれば行と列を示す
    .long = 項目のないチェックリストは、何も点検できないので 7 で終わります。
    .example = hanare audit checklist check policies/checklists/satellite-office.toml
    .file = チェックリストのファイル
cmd-hanare-audit-report = 申告も含めてオフィス全体を判定し、履歴に残す
    .long =
        自分では調べません。各視点の事実は --facts で渡し、申告や例外はここに登録されたものを使います。
        --site がなければ STATE/audit/OFFICE/site.toml を読みます。終了ステータスは `audit run` と同じです。
    .example = hanare audit report kofu --site kofu.toml --facts pc.json --out report --sign auditor_key
    .office = オフィス
    .checklist = チェックリストのファイル［省略時: 内蔵のサテライトオフィス用］
    .site = オフィスのサイトファイル（担当者、承認したリゾルバーなど。例: policies/site.example.toml）
    .accept_waivers = 例外とした項目も良好とみなして終了ステータスを決める
    .facts = `hanare audit facts` で書き出した事実を判定する（視点ごとに1ファイル）
    .only = 指定した項目だけ
    .at = この日時の時点で判定する［省略時: 事実の日時］
    .out = 報告書を書き込むディレクトリ
    .format = 書き込む形式: json、html、sarif、junit、csv、oscal［省略時: json］
    .sign = OpenSSH の Ed25519 秘密鍵。report.json.sig を書き込む（ssh-keygen でも検証可能、名前空間は hanare-report）
cmd-hanare-audit-attest = 対策済みであることを、証跡を添えて期限付きで申告する
    .long =
        オフィスのある地域で、その日の 24:00 まで有効です。証跡は写しを保管し、報告書を作るたびに照合します。
        ID に external-audit を指定すると、等級 full に必要な外部監査の記録になります。
    .example = hanare audit attest GOV-01 --office kofu --by sato --evidence policy.pdf --until 2027-03-31 --site kofu.toml
    .id = 項目の ID（GOV-01 など）
    .by = 申告者（サイトファイルの [[person]] で attester の役割を持つ人）
    .evidence = 証跡のファイル
    .until = 期限の日（400 日先まで）
    .office = オフィス
    .site = オフィスのサイトファイル（担当者、承認したリゾルバーなど。例: policies/site.example.toml）
    .checklist = チェックリストのファイル［省略時: 内蔵のサテライトオフィス用］
cmd-hanare-audit-waive = 満たされていない項目を、理由、責任者、期限を示して例外とする
    .long = 項目が良好になるわけではなく、「例外」と数えます。--accept-waivers を付けたときだけ、例外があっても 0 で終わります。
    .example = hanare audit waive NET-02 --office kofu --owner sato --reason "3月にAPを交換" --until 2027-03-31 --site kofu.toml
    .id = 項目の ID（NET-02 など）
    .owner = 責任者（サイトファイルの [[person]]）
    .reason = 理由
    .until = 期限の日（400 日先まで）
    .office = オフィス
    .site = オフィスのサイトファイル（担当者、承認したリゾルバーなど。例: policies/site.example.toml）
    .checklist = チェックリストのファイル［省略時: 内蔵のサテライトオフィス用］
cmd-hanare-audit-site = サイトファイル（人だけが知っている、オフィスの情報）を扱う
    .example = hanare audit site check kofu.toml
cmd-hanare-audit-site-new = 人だけが知っているオフィスの情報を質問し、サイトファイルに書き込む
    .long = 標準入力から1行ずつ答えます。プログラムから答えることもでき、その場合、使えない答えがあれば 3 で終わります。空行の項目は申告待ちになります。
    .example = hanare audit site new kofu.toml
    .file = 書き込むサイトファイル（既にあるファイルには書き込まない）
cmd-hanare-audit-site-check = サイトファイルが使えるか確かめ、誤りがあれば行と列を示す
    .example = hanare audit site check policies/site.example.toml
    .file = サイトファイル
cmd-hanare-audit-diff = 2つの報告書を比べ、良くなった項目と悪くなった項目を示す
    .long = 悪化した項目があれば 1 で終わります。新しい報告書にない項目は「不明」とみなします。署名は確かめません（`verify` を使ってください）。
    .example = hanare audit diff 2026/report.json 2027/report.json
    .old = 前の報告書
    .new = 後の報告書
cmd-hanare-audit-history = ここに保管された、オフィスの報告書の一覧を示す
    .long = 保管した報告書が元のものと違えば 1、報告書がなければ 7 で終わります。
    .example = hanare audit history kofu
    .office = オフィス
