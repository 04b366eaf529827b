package replay_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/replay"
)

func TestALineIsReadOrRejectedByItself(t *testing.T) {
	good := replay.Line{Number: 2, Invoice: "600001", Code: "01001A", Name: "SOAP", Pieces: 6, Price: 255, Customer: "20001"}
	named := func(name string) replay.Line { l := good; l.Name = name; return l }
	for name, c := range map[string]struct {
		line   string
		want   replay.Line
		reason replay.Reason
	}{
		"a good one":                  {line: "600001,01001A,SOAP,6,d,2.55,20001,France", want: good},
		"blanks around fields":        {line: " 600001 ,01001A , SOAP ,6,d, 2.550 ,20001 ,France", want: good},
		"a carriage return":           {line: "600001,01001A,SOAP,6,d,2.55,20001,France\r", want: good},
		"quotes around a comma":       {line: `600001,01001A,"SOAP, BIG",6,d,2.55,20001,France`, want: named("SOAP, BIG")},
		"quotes within quotes":        {line: `600001,01001A,"SOAP ""BIG""",6,d,2.55,20001,France`, want: named(`SOAP "BIG"`)},
		"inches":                      {line: `600001,01001A,SOAP 7" BIG,6,d,2.55,20001,France`, want: named(`SOAP 7" BIG`)},
		"Windows-1252":                {line: "600001,01001A,SOAP \xa31 CAF\xc9,6,d,2.55,20001,France", want: named("SOAP £1 CAFÉ")},
		"a control character":         {line: "600001,01001A,SOAP\x07BIG,6,d,2.55,20001,France", want: named("SOAP BIG")},
		"a very long name":            {line: "600001,01001A," + strings.Repeat("é", 300) + ",6,d,2.55,20001,France", want: named(strings.Repeat("é", 200))},
		"a quote that does not end":   {line: `600001,01001A,"SOAP,6,d,2.55,20001,France`, reason: replay.Unreadable},
		"too few fields":              {line: "600001,01001A,SOAP,6,d,2.55,20001", reason: replay.Unreadable},
		"too many fields":             {line: "600001,01001A,SOAP,6,d,2.55,20001,France,", reason: replay.Unreadable},
		"no invoice number":           {line: ",01001A,SOAP,6,d,2.55,20001,France", reason: replay.Unreadable},
		"an invoice number of a part": {line: "600001#2,01001A,SOAP,6,d,2.55,20001,France", reason: replay.Unreadable},
		"no code":                     {line: "600001,,SOAP,6,d,2.55,20001,France", reason: replay.Unreadable},
		"a control character in code": {line: "600001,01\x001,SOAP,6,d,2.55,20001,France", reason: replay.Unreadable},
		"a customer of many letters":  {line: "600001,01001A,SOAP,6,d,2.55," + strings.Repeat("1", 19) + ",France", reason: replay.Unreadable},
		"a part of a piece":           {line: "600001,01001A,SOAP,6.5,d,2.55,20001,France", reason: replay.Unreadable},
		"no quantity":                 {line: "600001,01001A,SOAP,,d,2.55,20001,France", reason: replay.Unreadable},
		"a quantity beyond counting":  {line: "600001,01001A,SOAP,99999999999999999999,d,2.55,20001,France", reason: replay.Unreadable},
		"a decimal comma":             {line: `600001,01001A,SOAP,6,d,"2,55",20001,France`, reason: replay.Unreadable},
		"a price beyond counting":     {line: "600001,01001A,SOAP,6,d,99999999999999999999,20001,France", reason: replay.Unreadable},
		"an exponent":                 {line: "600001,01001A,SOAP,6,d,1e3,20001,France", reason: replay.Unreadable},
		"no price":                    {line: "600001,01001A,SOAP,6,d,.,20001,France", reason: replay.Unreadable},
		"a tenth of a penny":          {line: "600001,01001A,SOAP,6,d,0.001,20001,France", reason: replay.PartOfAPenny},
	} {
		t.Run(name, func(t *testing.T) {
			lines, rejected, err := replay.Read(strings.NewReader("\ufeff" + header + c.line + "\n\n" + c.line))
			require.NoError(t, err)
			if c.reason == "" {
				again := c.want
				again.Number = 4 // the empty line counts as a line and not as one read
				require.Equal(t, []replay.Line{c.want, again}, lines)
				require.Empty(t, rejected)
				return
			}
			require.Empty(t, lines)
			require.Len(t, rejected, 2)
			for i, number := range []int{2, 4} {
				require.Equal(t, c.reason, rejected[i].Reason)
				require.Equal(t, number, rejected[i].Line)
				require.NotEmpty(t, rejected[i].Detail)
			}
		})
	}
}

func TestAFileThatIsNoneOfOursIsRefusedAsAWhole(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "the file is empty",
		"InvoiceNo,StockCode\n":             "the header has no column Description",
		"Handle,Title,Body\n1,2,3\n":        "the header has no column InvoiceNo",
		header + strings.Repeat("x", 2<<20): "token too long",
	} {
		_, _, err := replay.Read(strings.NewReader(text))
		require.ErrorContains(t, err, want)
	}
}
