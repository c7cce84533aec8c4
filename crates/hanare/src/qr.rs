//! QR codes in a terminal.

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

use crate::environment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;

/// Draws `text`. On a screen the code brings its own black and white, so that it reads on every background; elsewhere it is
/// drawn for paper.
pub(crate) fn draw(text: &str) -> Result<String, Failure> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L)
        .map_err(|error| Failure::new(Exit::Impossible, "qr").reported("cause-qr", error))?;
    let image = code.render::<Dense1x2>().build();
    if !output::on_screen() {
        return Ok(image);
    }
    if environment::no_color() {
        // A screen is dark more often than not: light blocks on it.
        return Ok(code.render().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build());
    }
    let lines: Vec<String> = image.lines().map(|line| format!("\x1b[30;107m{line}\x1b[0m")).collect();
    Ok(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_drawn_square_and_a_text_too_long_is_refused() {
        let drawn = draw("HANARE1:ABC").unwrap();
        let (rows, columns) = (drawn.lines().count(), drawn.lines().next().unwrap().chars().count());
        assert_eq!(columns.div_ceil(2), rows);
        assert_eq!(draw(&"a".repeat(5000)).unwrap_err().code, "qr");
    }
}
