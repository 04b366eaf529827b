package dashboards

// How many minor units of a currency (ISO 4217) make one of what people speak of: 1 where there is no minor unit, 1,000 or
// 10,000 where it is a smaller one than a hundredth. All others have hundredths.
const (
	currenciesWithout          = "BIF|CLP|DJF|GNF|ISK|JPY|KMF|KRW|PYG|RWF|UGX|UYI|VND|VUV|XAF|XOF|XPF"
	currenciesWithThousandths  = "BHD|IQD|JOD|KWD|LYD|OMR|TND"
	currenciesWithTenThousands = "CLF|UYW"
)

// amounts are queries for a counter of minor units, shown in each currency's own unit: metric is its name, of takes its
// selector and gives what is asked of it, and what comes before and after is part of the legend.
func amounts(metric, before, after string, of func(series string) string) (targets []Target) {
	others := currenciesWithout + "|" + currenciesWithThousandths + "|" + currenciesWithTenThousands
	for _, group := range []struct{ matcher, divisor string }{
		{`currency!~"` + others + `"`, " / 100"},
		{`currency=~"` + currenciesWithout + `"`, ""},
		{`currency=~"` + currenciesWithThousandths + `"`, " / 1000"},
		{`currency=~"` + currenciesWithTenThousands + `"`, " / 10000"},
	} {
		series := metric + `{` + every + `, ` + group.matcher + `}`
		targets = append(targets, q(`sum by (currency) (`+of(series)+`)`+group.divisor, before+"{{currency}}"+after))
	}
	return targets
}

// byMagnitude makes the axis logarithmic above 1.
func (p *Panel) byMagnitude() *Panel {
	p.FieldConfig.Defaults.Custom["scaleDistribution"] = object{"type": "symlog", "log": 10, "linearThreshold": 1}
	return p
}

// inMoney gives each of the queries that amounts makes, in its order, the decimals of its currencies.
func (p *Panel) inMoney() *Panel {
	for i, decimals := range []int{2, 0, 3, 4} {
		p.override("byFrameRefID", string(rune('A'+i)), object{"id": "decimals", "value": decimals})
	}
	return p
}
