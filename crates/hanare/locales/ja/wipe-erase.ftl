# ディレクトリの消去: ヘルプ、エラー、最後の報告。

cmd-hanare-wipe = 部屋に業務データを残さない: 消去と、その記録
    .example =
        hanare wipe tree /srv/scratch --yes
        hanare wipe resume

cmd-hanare-wipe-tree = ディレクトリを、中身ごと消去する
    .long = 内容を上書きし、名前を消し、空き領域とジャーナルを消去したうえで、ディスクを読み直して確かめます。外のものには触れません（リンク先、マウント先、ほかの場所にある別名はそのままです）。終了コードは、何も残っていなければ 0、対象外や未確認のものがあれば 7（理由を表示します）、消したはずのものが見つかれば 1 です。
    .example =
        hanare wipe tree /srv/scratch --dry-run
        hanare wipe tree /srv/scratch /home/aoi/Downloads --yes
    .path = マウントポイントより下にあるディレクトリの絶対パス（シンボリックリンクを含まないもの）
    .yes = 確認せずに実行する
    .dry_run = 消えるものを数えるだけで、変更しない
    .standalone = 端末として参加していないマシンでも実行する（消去記録用の鍵をこのマシンで作る）

cmd-hanare-wipe-resume = 中断された消去を最後まで行う（起動時、だれかがログインする前に実行される）
    .long = 確認は消去の開始時に済んでいるため、求めません。中断された消去がなければ何もしません。
    .example = hanare wipe resume
    .dry_run = 何を完了するかを表示するだけで、何も変更しない

cmd-hanare-wipe-last = マシンの停止直前に、まだ開いているものを終わらせる（systemd-shutdown 用）
    .long = すべてのユニットが止まった後に systemd が実行します。送信はしません（それはエージェントの役目です）。鍵を破棄し、残ったものは次の起動で書かれる消去記録に載ります。
    .example = hanare wipe last

error-tree-refused = { $path } は消去できません。ほかのものにも触れていません。
    .cause = { $cause }
    .fix = 業務データのディレクトリを、リンクを含まない絶対パスで指定してください。--dry-run で、消えるものを確かめられます。
error-not-an-endpoint = このマシンは端末として参加していません。
    .cause = サーバーなどを誤って消さないように、部屋の PC でしか実行できません。
    .fix = このマシンで間違いなければ、--standalone を付けてください。
error-wipe-unfinished = 中断された消去が残っています。
    .cause = 消去 1 回につき消去記録を 1 通とするため、先にそちらを終える必要があります。
    .fix = `hanare wipe resume` を実行してから、もう一度お試しください。
error-wipe-running = 別の消去が実行中です。
    .cause = { $path } を別のプロセスが使っています。
    .fix = 終わるまでお待ちください。
error-wipe-marker = 消去の進み具合を読み書きできません。
    .cause = { $cause }
    .fix = 状態ディレクトリの有無、権限、空き容量を確認し、`hanare wipe resume` を実行してください。

refusal-empty = パスが空です。
refusal-relative = パスが / で始まっていません。
refusal-dots = パスに「.」か「..」が含まれています。
refusal-absent = そのようなディレクトリはありません。
refusal-link = パスにシンボリックリンクが含まれています。
refusal-no-directory = ディレクトリではありません。
refusal-overlap = 指定されたほかのパスと重なっています。
refusal-mount-point = マウントポイントです。
refusal-system = システムのディレクトリです。
refusal-kept = ポリシーで残すことになっているものを含むか、その中にあります。
refusal-holds-state = hanare 自身の状態ディレクトリがその中にあります。
refusal-inside-state = hanare 自身の状態ディレクトリの中にあります。
refusal-being-erased = 別の消去が実行中です。
refusal-changed = 確認している間に別のものに置き換わりました。
refusal-read-only = ファイルシステムが読み取り専用でマウントされています。
refusal-unreadable = 開けません: { $cause }

what-trees = { $count ->
   *[other] ディレクトリ { $count } 個を中身ごと
}
wipe-would-go = ファイル { $files } 個、{ $bytes } バイトが消えます。
wipe-nothing-pending = 中断された消去はありません。
wipe-would-resume = { $volume ->
        [yes] ワークボリュームの終了と、ディレクトリー { $trees } 個の消去を完了します（何も変更していません）。
       *[no] ディレクトリー { $trees } 個の消去を完了します（何も変更していません）。
    }
wipe-skipped = 対象外: { $count } 件 — { $reason }
wipe-absent = ポリシーにあるが存在しなかったツリー: { $count } 件
wipe-would-be-absent = ポリシーにあるが存在しないツリー: { $count } 件
label-verdict = 判定
label-erased-files = ファイル
label-overwritten = 上書きしたバイト数
label-erasing = 消去にかかった秒数
label-verifying = 確認にかかった秒数
label-reread = 読み直したバイト数
label-reread-sampled = 読み直したバイト数（抜き取り）
label-remnants = 見つかった残り
label-receipt = 消去記録
ended-pass = 合格（何も残っていません）
ended-partial = 一部（対象外のもの、または確認できなかったものがあります）
ended-fail = 不合格（消したはずのものが見つかりました）

skip-name-outside = ツリーの外に別名があるファイル（ここでの名前は消し、内容は残しました）
skip-mounted-inside = ツリーの中にマウントされたもの（入っていません）
skip-moved = 途中で移動されたディレクトリ
skip-directory-unreadable = 読み取れなかったディレクトリ
skip-file-unreadable = 開けなかったファイル
skip-file-not-overwritten = 上書きできなかったファイル
skip-attribute-not-removed = 消せなかった拡張属性
skip-shared-blocks = ほかのファイルかスナップショットとブロックを共有しているファイル
skip-sharing-unknown = 未確認（ブロックを共有しているかどうか、ファイルシステムから確かめられなかったファイル）
skip-not-removed = 消せなかった名前
skip-still-written = 書き込みが続いていたツリー
skip-in-use = 名前は消したが、プロセスがまだ使っているファイル
skip-not-written-back = ディスクへの書き込み中にエラーが報告されました
skip-freed-inodes = 消去できなかった、削除済みファイルの記録
skip-freed-inodes-unknown = 削除済みファイルの記録を確認できませんでした
skip-copies-below = 下のデバイスが、上書き前の内容の写しを残します（スナップショット、または書き込みごとに写しを作るファイルシステム上のイメージ）
skip-free-space-not-filled = 破棄することも埋めることもできなかった空き領域
skip-free-space-quota = 未確認（容量制限のため、空き領域を埋めきれませんでした）
skip-journal-not-blanked = ファイルシステムのジャーナルを消去できませんでした
skip-xfs-log = XFS のログは、マウント中は消去できません
skip-copy-on-write = 書き込みのたびに複製を作るファイルシステムです（古いブロックは破棄のみで、上書きできません）
skip-log-structured = ログに追記していくファイルシステムです（古いブロックは破棄のみで、上書きできません）
skip-names-in-parent = FAT では、消した名前が上のディレクトリに残ります
skip-overlay = オーバーレイです（下の層にあるものは残ります）
skip-memory-not-blanked = メモリ上のファイルシステムです（解放されたページは消去されません）
skip-unknown-file-system = 未知のファイルシステムです
skip-spare-area = フラッシュメモリの予備領域には手が届きません
skip-nothing-to-reread = 未確認（事前に記録できたものがありません）
skip-no-raw-device = 未確認（ディスクを直接読み取れません）
skip-interrupted = 未確認（中断により、事前の記録が失われました）
skip-tree-gone = 消去する前に、だれかが消したか移動したツリー
skip-tree-replaced = 別のものに置き換わっていたツリー（触れていません）
